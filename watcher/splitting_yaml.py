"""Cut a YAML stream into documents by its lines, as YAML's own markers say.

`---` at the start of a line begins a document, `...` ends one (YAML 1.1, 4.3.4
and 4.3.5): inside block scalars and quoted scalars neither can stand at column
0. So a cut needs no parser, and a broken document costs no other one.

A List as kubectl prints it (`items:` at column 0, its items below as a block
sequence) is cut into its items. That is sound as long as a line that starts
with the sequence's dash starts an item; the one exception, a quoted scalar that
goes on at that column, leaves an unclosed quote on both sides: an error, never
another meaning.
"""

import re
from collections.abc import Iterator

from watcher.documents import BrokenDocument, ByteStream, Document, Part, Place, Syntax, too_large
from watcher.list_spool import ListSpool

_BEGIN = re.compile(rb"---(?=[ \t\r\n]|$)")
_END = re.compile(rb"\.\.\.(?=[ \t\r\n]|$)")
_ITEMS = re.compile(rb"items:[ \t]*(?:#.*)?\r?\n?$")
_DASH = re.compile(rb" *-(?=[ \t\r\n]|$)")
_ALIAS = re.compile(rb"(?:^|[\s\[{,:])\*[\w-]")
_MARKS = b"-.%i"
"""First characters of the lines that may end, begin or split a document."""


class _Draft:
    """The document that is being read."""

    def __init__(self, cap: int) -> None:
        self._cap = cap
        self._lines: list[bytes] = []
        self._size = 0
        self._first_line = 0
        self._after: list[bytes] | None = None
        self._dash = b""
        self._spool: ListSpool | None = None
        self._items_seen = False
        self.directives = False
        self.content = False

    def add(self, text: bytes, line: int, starts_line: bool) -> None:
        """One line of the document, or a part of a very long one."""
        if self._spool is not None and self._after is None and self._add_to_list(text, line, starts_line):
            return
        if not self.content:
            bare = text.strip()
            if starts_line and (not bare or bare.startswith(b"#")):
                return
            self.content = True
            self._first_line = self._first_line or line
        self._size += len(text)
        if self._size <= self._cap:
            (self._lines if self._after is None else self._after).append(text)
        else:
            self._lines.clear()

    def add_directive(self, text: bytes, line: int) -> None:
        """A line such as `%YAML 1.1`; the document begins with it, and has a `---` to come."""
        self._lines.append(text)
        self._first_line = self._first_line or line
        self.directives = True

    def expect_items(self, text: bytes, line: int) -> None:
        """The line `items:`, where it is the first of the document."""
        self.add(text, line, starts_line=True)
        if not self._items_seen:
            self._items_seen = True
            self._spool = ListSpool(self._cap, Syntax.YAML)

    def _add_to_list(self, text: bytes, line: int, starts_line: bool) -> bool:
        """Add to the items; False when the line is not one of theirs."""
        spool = self._spool
        if spool is None:
            return False
        if not self._dash:
            return self._add_first_item(spool, text, line)
        if starts_line and text.startswith(self._dash) and _DASH.match(text):
            spool.start_item(line)
        elif starts_line and not text[: len(self._dash)].isspace() and not text.lstrip().startswith(b"#"):
            self._after = []
            return False
        if b"*" in text and _ALIAS.search(text):
            spool.whole_only = True
        spool.write(text)
        return True

    def _add_first_item(self, spool: ListSpool, text: bytes, line: int) -> bool:
        """The first line after `items:` that is not blank decides whether a block sequence follows."""
        bare = text.strip()
        if not bare or bare.startswith(b"#"):
            return False
        dash = _DASH.match(text)
        if dash is None:
            self.close()
            return False
        self._dash = dash[0]
        spool.start_item(line)
        spool.whole_only = bool(_ALIAS.search(text))
        spool.write(text)
        return True

    def finish(self, number: int) -> Iterator[Part]:
        """The document, or its parts where it is a List."""
        if self._size > self._cap:
            yield BrokenDocument(Place(number, self._first_line), too_large(self._cap))
        elif self._spool is not None and self._dash:
            before, after = b"".join(self._lines), b"".join(self._after or ())
            yield from self._spool.finish(number, self._first_line, before, after)
        else:
            text = b"".join(self._lines)
            syntax = Syntax.EITHER if text[:1] == b"{" else Syntax.YAML
            yield Document(Place(number, self._first_line), text, syntax)
        self.close()

    def close(self) -> None:
        """Give back what the items of a List take."""
        if self._spool is not None:
            self._spool.close()
            self._spool = None


def split_yaml(stream: ByteStream, cap: int, *, first_line: int = 1, documents: int = 0) -> Iterator[Part]:
    """Yield the documents of a YAML stream; see `watcher.splitting.split`.

    `first_line` and `documents`: where in its file the stream starts, and how
    many documents came before.
    """
    draft = _Draft(cap)
    line = first_line - 1
    starts_line = True
    try:
        while text := stream.readline(cap + 1):
            line += starts_line
            at_start, starts_line = starts_line, text.endswith(b"\n")
            if not at_start or text[0] not in _MARKS:
                draft.add(text, line, at_start)
                continue
            begins = _BEGIN.match(text)
            if begins and draft.directives and not draft.content:
                draft.add(text, line, at_start)
            elif begins or _END.match(text):
                if draft.content:
                    documents += 1
                    yield from draft.finish(documents)
                draft.close()
                draft = _Draft(cap)
                if begins and _holds_content(text):
                    draft.add(text, line, at_start)
            elif _ITEMS.match(text):
                draft.expect_items(text, line)
            elif text[:1] == b"%" and not draft.content:
                draft.add_directive(text, line)
            else:
                draft.add(text, line, at_start)
        if draft.content or draft.directives:
            yield from draft.finish(documents + 1)
    finally:
        draft.close()


def _holds_content(marker: bytes) -> bool:
    """Whether a document starts on the line of its `---`."""
    rest = marker[3:].strip()
    return bool(rest) and not rest.startswith(b"#")

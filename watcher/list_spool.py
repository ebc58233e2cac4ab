"""The items of a List, set aside until the List's kind is known.

kubectl prints keys in alphabetical order: `kind` comes after `items`. Until then
nobody can say whether `items` are objects of their own, and what kind an item
has that names none. They wait here: in memory up to the cap, then in a temporary
file, so that memory does not grow with the number of items.
"""

import re
from array import array
from collections.abc import Iterator
from tempfile import SpooledTemporaryFile

import msgspec

from watcher.documents import BrokenDocument, Document, ListKind, Part, Place, Syntax, too_large

_YAML_KIND = re.compile(rb"""^kind:[ \t]+["']?(\w*List)["']?[ \t]*(?:#.*)?\r?$""", re.MULTILINE)
_YAML_API_VERSION = re.compile(rb"""^apiVersion:[ \t]+["']?([\w./-]+)["']?[ \t]*(?:#.*)?\r?$""", re.MULTILINE)
_TOO_LARGE = -1


class _Header(msgspec.Struct, rename="camel"):
    api_version: str = ""
    kind: str = ""


def _list_kind(own: bytes, syntax: Syntax) -> ListKind | None:
    """What the List's own fields say it is; None where they do not say, in so many words, that it is one."""
    if syntax is Syntax.YAML:
        kind = _YAML_KIND.search(own)
        version = _YAML_API_VERSION.search(own)
        return ListKind(version[1].decode() if version else "", kind[1].decode()) if kind else None
    try:
        header = msgspec.json.decode(own, type=_Header)
    except (msgspec.MsgspecError, RecursionError):
        return None
    return ListKind(header.api_version, header.kind) if header.kind.endswith("List") else None


class ListSpool:
    """Items in order, each with its first line. Between items, text that only separates."""

    def __init__(self, cap: int, syntax: Syntax) -> None:
        self._cap = cap
        self._syntax = syntax
        # closed by `close`: a spool outlives the function that makes it
        self._file = SpooledTemporaryFile(max_size=cap)  # noqa: SIM115 - see above
        self._starts = array("Q")
        self._sizes = array("q")
        self._lines = array("Q")
        self._end = 0
        self._item: list[bytes] = []
        self._item_size = 0
        self._newlines = 0
        self.whole_only = False
        """Set where items cannot be told apart, or refer to each other: one document, or nothing."""

    def start_item(self, line: int) -> None:
        """What is written from now on is an item."""
        self._flush()
        self._starts.append(self._end)
        self._sizes.append(0)
        self._lines.append(line)

    def write(self, text: bytes) -> None:
        """Append to the item. Beyond the cap nothing is kept but that it is too large."""
        self._item_size += len(text)
        if self._item_size <= self._cap:
            self._item.append(text)
        else:
            self._newlines += text.count(b"\n") + sum(kept.count(b"\n") for kept in self._item)
            self._item.clear()

    def separate(self, text: bytes) -> None:
        """Append text that belongs to no item."""
        self._flush()
        self._append(text)

    def _flush(self) -> None:
        """Put the item that was written where it waits."""
        if self._item_size > self._cap:
            self._sizes[-1] = _TOO_LARGE
        elif self._item_size:
            self._sizes[-1] = self._item_size
            self._append(b"".join(self._item))
        self._item_size = 0
        self._item.clear()

    def _append(self, text: bytes) -> None:
        self._newlines += text.count(b"\n")
        self._file.write(text)
        self._end += len(text)

    def finish(self, number: int, line: int, before: bytes, after: bytes) -> Iterator[Part]:
        """The List: its own fields first, then each item; or whole, where it is no List after all.

        `before` and `after`: what stands around the items, at most the cap together.
        """
        self._flush()
        # empty lines stand where the items were: line numbers stay right
        own = before + b"\n" * self._newlines + after
        list_kind = _list_kind(own, self._syntax)
        size = len(before) + self._end + len(after)
        whole = size <= self._cap and _TOO_LARGE not in self._sizes
        place = Place(number, line)
        if list_kind is None or self.whole_only:
            if not whole:
                yield BrokenDocument(place, too_large(self._cap))
                return
            self._file.seek(0)
            yield Document(place, before + self._file.read() + after, self._syntax)
        else:
            yield Document(place, own, self._syntax)
            yield from self._items(number, list_kind)

    def _items(self, number: int, list_kind: ListKind) -> Iterator[Part]:
        entries = zip(self._starts, self._sizes, self._lines, strict=True)
        for index, (start, size, line) in enumerate(entries):
            place = Place(number, line, index)
            if size == _TOO_LARGE:
                yield BrokenDocument(place, too_large(self._cap))
            else:
                self._file.seek(start)
                yield Document(place, self._file.read(size), self._syntax, list_kind)

    def close(self) -> None:
        """Give the memory or the file back."""
        self._file.close()

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

from watcher.documents import BrokenDocument, Document, ListKind, Part, Place, Syntax, too_large

_LIST_KINDS = {
    Syntax.YAML: re.compile(rb"""^kind:[ \t]+["']?([A-Za-z]*List)["']?[ \t]*(?:#.*)?\r?$""", re.MULTILINE),
    Syntax.JSON: re.compile(rb'"kind"\s*:\s*"([A-Za-z]*List)"'),
}
_API_VERSIONS = {
    Syntax.YAML: re.compile(rb"""^apiVersion:[ \t]+["']?([\w./-]+)["']?[ \t]*(?:#.*)?\r?$""", re.MULTILINE),
    Syntax.JSON: re.compile(rb'"apiVersion"\s*:\s*"([\w./-]+)"'),
}
_TOO_LARGE = -1


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
        self.newlines = 0
        self.whole_only = False
        """Set where items refer to each other: they mean something only together."""

    def start_item(self, line: int) -> None:
        """What is written from now on is an item."""
        self._starts.append(self._end)
        self._sizes.append(0)
        self._lines.append(line)

    def write(self, text: bytes) -> None:
        """Append to the item. Beyond the cap nothing is kept but that it is too large."""
        self.newlines += text.count(b"\n")
        size = self._sizes[-1]
        if size != _TOO_LARGE and size + len(text) > self._cap:
            self._sizes[-1] = _TOO_LARGE
        elif size != _TOO_LARGE:
            self._sizes[-1] = size + len(text)
            self._file.write(text)
            self._end += len(text)

    def finish(self, number: int, line: int, before: bytes, after: bytes) -> Iterator[Part]:
        """The List: its own fields first, then each item; or whole, where it is no List after all."""
        own = before + after
        kind = _LIST_KINDS["json" if self._syntax is not Syntax.YAML else self._syntax].search(own)
        version = _API_VERSIONS["json" if self._syntax is not Syntax.YAML else self._syntax].search(own)
        size = len(own) + self._end
        whole = size <= self._cap and _TOO_LARGE not in self._sizes
        place = Place(number, line)
        if len(own) > self._cap or (kind is None and not whole):
            yield BrokenDocument(place, too_large(self._cap))
        elif whole and (kind is None or self.whole_only):
            self._file.seek(0)
            yield Document(place, before + self._file.read() + after, self._syntax)
        elif kind is not None:
            # empty lines stand where the items were: line numbers stay right
            yield Document(place, before + b"\n" * self.newlines + after, self._syntax)
            api_version = version[1].decode() if version else ""
            yield from self._items(number, ListKind(api_version, kind[1].decode()))

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

"""One JSON value while it is read, bracket by bracket: whole, or a List with its items set aside."""

import re
from collections.abc import Iterator

from watcher.documents import BrokenDocument, Document, Part, Place, Syntax, too_large
from watcher.list_spool import ListSpool

_ITEMS_KEY = re.compile(rb'[{,]\s*"items"\s*:\s*\[\Z')
_ITEMS_KEY_SPAN = 64
"""Bytes in which the key of the items is looked for: blanks included, it is far shorter."""
_OPENING = b"{["
_IN_ITEMS = 2
"""Depth between the items: inside the List's object and its array."""


class JsonValue:
    """Takes the text of a value in pieces that end with a bracket. `place` is of the whole value."""

    def __init__(self, cap: int, syntax: Syntax, place: Place) -> None:
        self._cap = cap
        self._syntax = syntax
        self._place = place
        self._depth = 0
        self._before: list[bytes] = []
        self._after: list[bytes] | None = None
        self._size = 0
        self._spool: ListSpool | None = None
        self._items = 0
        self._cut_off = False
        self.complete = False

    def add(self, text: bytes, line: int) -> None:
        """Text up to and with the next bracket outside a string, which is on `line`."""
        opens = text[-1] in _OPENING
        self._depth += 1 if opens else -1
        self.complete = self._depth == 0
        if self._spool is not None and self._after is None:
            self._add_to_items(self._spool, text, line, opens)
            return
        if opens and self._depth == _IN_ITEMS and self._spool is None:
            start = self._before[-1][-1:] if self._before else b""
            if _ITEMS_KEY.search(start + text, max(0, len(text) - _ITEMS_KEY_SPAN)):
                self._spool = ListSpool(self._cap, self._syntax)
        self._keep(text)

    def _add_to_items(self, spool: ListSpool, text: bytes, line: int, opens: bool) -> None:
        """Text inside the array of the items, or the bracket that ends it."""
        if opens and self._depth == _IN_ITEMS + 1:
            expected = b"," if self._items else b""
            spool.whole_only = spool.whole_only or text[:-1].strip() != expected
            self._items += 1
            spool.separate(text[:-1])
            spool.start_item(line)
            spool.write(text[-1:])
        elif self._depth < _IN_ITEMS:
            spool.whole_only = spool.whole_only or bool(text[:-1].strip())
            self._after = []
            self._keep(text)
        else:
            spool.write(text)

    def _keep(self, text: bytes) -> None:
        self._size += len(text)
        if self._size <= self._cap:
            (self._before if self._after is None else self._after).append(text)

    def end(self, text: bytes) -> None:
        """The stream ends inside the value."""
        self._keep(text)
        self._cut_off = True
        self.complete = True

    def finish(self) -> Iterator[Part]:
        """The value, or its parts where it is a List."""
        if self._size > self._cap:
            yield BrokenDocument(self._place, too_large(self._cap))
        elif self._cut_off:
            message = "the file ends inside this value: a closing bracket or quote is missing"
            yield BrokenDocument(self._place, message)
        elif self._spool is not None:
            before, after = b"".join(self._before), b"".join(self._after or ())
            yield from self._spool.finish(self._place.number, self._place.line, before, after)
        else:
            yield Document(self._place, b"".join(self._before), self._syntax)

    def close(self) -> None:
        """Give back what the items of a List take."""
        if self._spool is not None:
            self._spool.close()

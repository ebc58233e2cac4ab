"""Cut a stream of JSON values by their brackets, and a List into its items.

Only brackets and strings are looked at; whether what is between them is JSON is
for the decoder to say. So a value is never held as anything but its text, and a
`kubectl get -o json` List of any size is read item by item.
"""

import re
from collections.abc import Iterator

from watcher.documents import BrokenDocument, ByteStream, Document, Part, Place, Syntax, too_large
from watcher.json_value import JsonValue

_CHUNK = 2**18
_BRACKET = re.compile(rb'[^"{}\[\]]*+(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"[^"{}\[\]]*+)*+[{}\[\]]', re.DOTALL)
"""From anywhere outside a string to the next bracket outside a string."""
_BLANKS = re.compile(rb"[ \t\r\n]*+")
_MARKER = re.compile(rb"---(?=[ \t\r\n]|\Z)")
_MARKER_SIZE = 4
_GARBAGE = re.compile(rb"[^\n]*+(?:\n(?!---|\{|\[)[^\n]*+)*+\n?")
_OPENING = b"{["


class JsonSplitter:
    """One pass over a stream. After `split`, `rest` holds what follows where YAML takes over, else None."""

    def __init__(self, stream: ByteStream, cap: int, syntax: Syntax, first_line: int) -> None:
        self._stream = stream
        self._cap = cap
        self._syntax = syntax
        self._buffer = b""
        self._at = 0
        self.line = first_line
        self.number = 0
        self.rest: bytes | None = None

    def split(self) -> Iterator[Part]:
        """Yield the values in order. Raises OSError."""
        while True:
            self._take(self._match(_BLANKS))
            while self._waiting < _MARKER_SIZE and self._fill():
                pass
            if not self._waiting:
                return
            if _MARKER.match(self._buffer, self._at):
                self.rest = self._buffer[self._at :]
                return
            self.number += 1
            if self._buffer[self._at] in _OPENING:
                yield from self._value()
            else:
                yield self._garbage()

    @property
    def _waiting(self) -> int:
        """Bytes that were read and not yet taken."""
        return len(self._buffer) - self._at

    def _fill(self) -> bool:
        """Read more; False at the end of the stream."""
        chunk = self._stream.read1(_CHUNK)
        self._buffer = self._buffer[self._at :] + chunk
        self._at = 0
        return bool(chunk)

    def _match(self, pattern: re.Pattern[bytes]) -> int:
        """The end of what matches here, however much must be read for it, up to the cap."""
        while True:
            match = pattern.match(self._buffer, self._at)
            size = (match.end() if match else self._at) - self._at
            if size < self._waiting or self._waiting > self._cap or not self._fill():
                return self._at + size  # `_fill` moves what waits to the front

    def _take(self, end: int) -> bytes:
        """The bytes up to `end`, counting lines."""
        text = self._buffer[self._at : end]
        self.line += text.count(b"\n")
        self._at = end
        return text

    def _value(self) -> Iterator[Part]:
        """One value, up to its last bracket or the end of the stream."""
        value = JsonValue(self._cap, self._syntax, Place(self.number, self.line))
        try:
            while not value.complete:
                match = _BRACKET.match(self._buffer, self._at)
                if match is not None:
                    value.add(self._take(match.end()), self.line)
                elif self._waiting > self._cap:
                    yield self._give_up()
                    return
                elif not self._fill():
                    value.end(self._take(len(self._buffer)))
            yield from value.finish()
        finally:
            value.close()

    def _garbage(self) -> Part:
        """What begins like no value, up to a line that does. The decoder says what is wrong with it."""
        place = Place(self.number, self.line)
        end = self._match(_GARBAGE)
        if end - self._at <= self._cap:
            return Document(place, self._take(end), self._syntax)
        while end == len(self._buffer):
            self._take(end - 1)  # the last byte may be the end of a line, and what follows a value
            if not self._fill():
                end = len(self._buffer)
                break
            end = self._match(_GARBAGE)
        self._take(end)
        return BrokenDocument(place, too_large(self._cap))

    def _give_up(self) -> BrokenDocument:
        """Text beyond the cap without any bracket: where its string ends, nobody knows. Read no more."""
        broken = BrokenDocument(
            Place(self.number, self.line), f"{too_large(self._cap)}; the rest of the file was not read"
        )
        self._take(len(self._buffer))
        while self._fill():
            self._take(len(self._buffer))
        return broken

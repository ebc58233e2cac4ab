"""Cut a binary stream into documents, without holding more than one in memory.

A stream whose first character is `{` or `[`, or a file named `*.json`, is JSON:
one or several values, one after the other. Everything else is YAML. This is the
choice of k8s.io/apimachinery's YAMLOrJSONDecoder (pkg/util/yaml/decoder.go);
like it, JSON values may be followed by `---` and YAML.
"""

import io
from collections.abc import Iterator

from watcher.documents import BrokenDocument, ByteStream, Part, Place, Syntax
from watcher.splitting_json import JsonSplitter
from watcher.splitting_yaml import split_yaml

_UTF8_BOM = b"\xef\xbb\xbf"
_UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")


class _Rest(io.RawIOBase):
    """Bytes already read, and the stream they came from, as one stream."""

    def __init__(self, head: bytes, stream: ByteStream) -> None:
        self._head = head
        self._stream = stream

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if self._head:
            data = self._head if size < 0 else self._head[:size]
            self._head = self._head[len(data) :]
            return data
        return self._stream.read1(size)

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # the base says Buffer
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def split(stream: ByteStream, cap: int, *, named_json: bool = False) -> Iterator[Part]:
    """Yield the documents of a stream in order; empty ones are left out.

    `cap`: bytes one document, or one item of a List, may have; a larger one is
    one BrokenDocument, and the rest of the stream goes on. Raises OSError.
    """
    start = stream.peek(len(_UTF8_BOM))
    if len(start) < len(_UTF8_BOM) and any(mark.startswith(start) for mark in (_UTF8_BOM, *_UTF16_BOMS)):
        # a pipe may give the first bytes one by one
        stream = io.BufferedReader(_Rest(stream.read(len(_UTF8_BOM)), stream))
        start = stream.peek(len(_UTF8_BOM))
    if start.startswith(_UTF16_BOMS):
        yield BrokenDocument(Place(1, 1), "UTF-16, expected UTF-8: save the file as UTF-8")
        return
    if start.startswith(_UTF8_BOM):
        stream.read(len(_UTF8_BOM))
    line, indent = 1, b""
    start = stream.peek(1)
    while start and not start.strip() and len(indent) <= cap:  # nothing but blanks so far
        blanks = indent + stream.read(len(start))
        line += blanks.count(b"\n")
        indent = blanks[blanks.rfind(b"\n") + 1 :]
        start = stream.peek(1)
    if indent:  # it belongs to the first line
        stream = io.BufferedReader(_Rest(indent, stream))
    if not named_json and start.lstrip()[:1] not in {b"{", b"["}:
        yield from split_yaml(stream, cap, first_line=line)
        return
    splitter = JsonSplitter(stream, cap, Syntax.JSON if named_json else Syntax.EITHER, line)
    yield from splitter.split()
    if splitter.rest is not None:
        rest = io.BufferedReader(_Rest(splitter.rest, stream))
        yield from split_yaml(rest, cap, first_line=splitter.line, documents=splitter.number)

"""What goes over the pipes between the watcher and the process that reads ahead of it.

A message is its length, four bytes, and MessagePack. After a byte that says that it is
ready the process answers each request, in order: what each document holds, or nothing
where that cannot be sent (a number beyond 64 bits, half a surrogate pair): then the
asker reads it.
"""

import struct
from collections.abc import Sequence
from typing import IO

import msgspec

from watcher.contents import Content
from watcher.documents import Document

READY = b"+"

_LENGTH = struct.Struct(">I")


class Request(msgspec.Struct, frozen=True, array_like=True):
    """Documents to read, and how: see `watcher.contents.read_part`."""

    namespace: str
    config_maps: bool
    documents: Sequence[Document]


_encoder = msgspec.msgpack.Encoder()
_requests = msgspec.msgpack.Decoder(Request)
_answers = msgspec.msgpack.Decoder(list[list[Content]])


def request(asked: Request) -> bytes:
    """A request as it is sent."""
    return _framed(_encoder.encode(asked))


def answer(contents: Sequence[Sequence[Content]]) -> bytes:
    """The answer as it is sent."""
    try:
        return _framed(_encoder.encode(contents))
    except (OverflowError, ValueError, RecursionError):  # UnicodeEncodeError is a ValueError
        return _framed(b"")


def read_request(body: bytes) -> Request:
    """Decode a request."""
    return _requests.decode(body)


def read_answer(body: bytes) -> list[list[Content]] | None:
    """Decode an answer; None where the documents have to be read by the asker."""
    return _answers.decode(body) if body else None


def receive(stream: IO[bytes]) -> bytes | None:
    """The body of the next message; None at the end of the stream, even amid a message."""
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (size,) = _LENGTH.unpack(head)
    body = stream.read(size)
    return body if len(body) == size else None


def _framed(body: bytes) -> bytes:
    return _LENGTH.pack(len(body)) + body

"""What a worker process and its owner say to each other: length-prefixed msgpack frames. Pure.

The owner sends `Compile`, `Forget` and `Evaluate`; the worker answers each
`Compile` with `Compiled` and each policy of an `Evaluate` with `Answered`, in order.
Each of them is a step; how many it has begun is in `progress`.
"""

import struct
from collections.abc import Iterator

import msgspec

from evaluator.rego.explain.steps import Step
from pipeline.errors import EvaluationError

_LENGTH = struct.Struct("!I")
_OVERHEAD = 1024
"""Bytes of a reply beside its answer."""


class BrokenProtocolError(EvaluationError):
    """The other side sent what is no message: a policy may have got the better of it."""


class Compile(msgspec.Struct, array_like=True, tag=1, frozen=True):
    """Compile a text and keep the module under `ref`. `reads`: say what it reads, too."""

    ref: int
    engine: str
    text: str
    reads: bool = False


class Forget(msgspec.Struct, array_like=True, tag=2, frozen=True):
    """Drop a module."""

    ref: int


class Evaluate(msgspec.Struct, array_like=True, tag=3, frozen=True):
    """Evaluate each of some modules on one input document (JSON)."""

    document: bytes
    refs: tuple[int, ...]


class Explain(msgspec.Struct, array_like=True, tag=6, frozen=True):
    """Say why a policy's text has the value it has on an input document (JSON)."""

    text: str
    document: bytes


class Compiled(msgspec.Struct, array_like=True, tag=4, frozen=True):
    """`error` is empty when it worked; `refused` when the policy may work on another engine.

    `pure`: its value depends on nothing but the input document, `reads` on which parts
    of it.
    """

    error: str = ""
    refused: bool = False
    line: int = 0
    column: int = 0
    pure: bool = False
    reads: tuple[tuple[tuple[str | None, ...], int], ...] = ()


class Answered(msgspec.Struct, array_like=True, tag=5, frozen=True):
    """`value` is JSON, None for undefined; `error` says why there is neither.

    `line` and `expression` may say why it is false or undefined.
    """

    value: bytes | None = None
    error: str = ""
    line: int = 0
    expression: str = ""


class Explained(msgspec.Struct, array_like=True, tag=7, frozen=True):
    """`value` is as in `Answered`; `error` says why there are no steps."""

    value: bytes | None = None
    steps: tuple[Step, ...] = ()
    error: str = ""


Request = Compile | Forget | Evaluate | Explain
Reply = Compiled | Answered | Explained

_encoder = msgspec.msgpack.Encoder()
_requests: msgspec.msgpack.Decoder[Request] = msgspec.msgpack.Decoder(Request)
_replies: msgspec.msgpack.Decoder[Reply] = msgspec.msgpack.Decoder(Reply)


def frame(message: Request | Reply) -> bytes:
    """A message as it goes over the pipe."""
    body = _encoder.encode(message)
    return _LENGTH.pack(len(body)) + body


def read_request(body: bytes) -> Request:
    """Decode a request."""
    return _requests.decode(body)


def read_reply(body: bytes) -> Reply:
    """Decode a reply. Raises BrokenProtocolError."""
    try:
        return _replies.decode(body)
    except msgspec.MsgspecError as error:
        raise BrokenProtocolError("sent what is no reply") from error


class Frames:
    """Cuts a stream of bytes into frames. `answer_limit`: of the answer inside one; 0 for no limit."""

    def __init__(self, answer_limit: int = 0) -> None:
        self._buffer = bytearray()
        self._limit = answer_limit + _OVERHEAD if answer_limit else 0

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Add bytes; yield the body of each frame that is complete. Raises BrokenProtocolError."""
        buffer = self._buffer
        buffer += chunk
        start = 0
        while len(buffer) - start >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(buffer, start)
            if self._limit and length > self._limit:
                raise BrokenProtocolError(f"sent {length} bytes where at most {self._limit} are read")
            end = start + _LENGTH.size + length
            if len(buffer) < end:
                break
            yield bytes(buffer[start + _LENGTH.size : end])
            start = end
        del buffer[:start]

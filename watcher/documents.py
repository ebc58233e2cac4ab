"""What a file is made of: documents, and items of a List, as undecoded bytes.

A document knows where it stands, so that whatever is wrong with it can be
reported as FILE:LINE. Splitting is in `watcher.splitting`, decoding in
`watcher.values`.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from pipeline.errors import DocumentError


class ByteStream(Protocol):
    """What documents are cut from: the part of `io.BufferedReader` that is needed."""

    def peek(self, size: int = ..., /) -> bytes:
        """Bytes that come next, at least one unless the stream has ended; they stay."""
        ...

    def read(self, size: int | None = ..., /) -> bytes:
        """That many bytes, unless the stream ends before."""
        ...

    def readline(self, size: int | None = ..., /) -> bytes:
        """A line, or as much of it as that."""
        ...

    def read1(self, size: int = ..., /) -> bytes:
        """What one read of the system gives."""
        ...


class Syntax(StrEnum):
    """How the bytes are to be read."""

    YAML = "yaml"
    JSON = "json"
    EITHER = "either"
    """Starts like JSON, but nothing says that it is: YAML's flow style starts the same way."""


class ContentError(DocumentError):
    """A document is not valid; `line` is where, in the file, from 1."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


@dataclass(frozen=True, slots=True)
class ListKind:
    """The apiVersion and kind of a List, as its text says."""

    api_version: str
    kind: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands in a file: document from 1, first line from 1, item of a List from 0."""

    number: int
    line: int
    item: int | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """One document, or one item of a List (then `list_kind` says of which)."""

    place: Place
    text: bytes
    syntax: Syntax
    list_kind: ListKind | None = None


@dataclass(frozen=True, slots=True)
class BrokenDocument:
    """A document that could not even be cut out of its file."""

    place: Place
    message: str


Part = Document | BrokenDocument


def too_large(cap: int) -> str:
    """The message for a document beyond the cap."""
    return (
        f"larger than {cap / 2**20:g} MiB, the most one document may have: "
        "split it, or raise TOCSIN_MAX_DOCUMENT_MIB"
    )

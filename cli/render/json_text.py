"""JSON of any size: indented, UTF-8, long lists written item by item."""

from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, TextIO

import msgspec

from cli.report.model import ScanReport

_INDENT = 2
_NAMES = tuple(zip(ScanReport.__struct_fields__, ScanReport.__struct_encode_fields__, strict=True))


def write(report: ScanReport, out: BinaryIO) -> None:
    """Write the report as one JSON object."""
    members = {name: getattr(report, field) for field, name in _NAMES}
    stream({name: iter(value) if isinstance(value, tuple) else value for name, value in members.items()}, out)


def stream(value: Any, out: BinaryIO) -> None:
    """Write a value as indented JSON and a newline.

    An iterator, at the top or inside dicts and lists, becomes an array and is
    consumed one item at a time; its items hold no iterators. Everything else is
    encoded by msgspec (Structs, datetimes...).
    """
    _stream(value, out, b"\n")
    out.write(b"\n")


def write_line(value: Any, out: TextIO) -> None:
    """Write a value as JSON on one line."""
    out.write(msgspec.json.encode(value).decode() + "\n")


def _stream(value: Any, out: BinaryIO, newline: bytes) -> None:
    """`newline`: a line end and the indentation of the line that the value begins on."""
    inner = newline + b" " * _INDENT
    if isinstance(value, Iterator):
        _enclose(b"[", (_encoded(item, inner) for item in value), b"]", out, newline)
    elif isinstance(value, list) and value:
        _enclose(b"[", ((b"", item) for item in value), b"]", out, newline)
    elif isinstance(value, dict) and value:
        pairs = ((msgspec.json.encode(key) + b": ", item) for key, item in value.items())
        _enclose(b"{", pairs, b"}", out, newline)
    else:
        out.write(_encoded(value, newline))


def _enclose(
    opening: bytes,
    items: Iterable[bytes | tuple[bytes, Any]],
    closing: bytes,
    out: BinaryIO,
    newline: bytes,
) -> None:
    """Write items between brackets: ready text, or a prefix and a value to stream."""
    inner = newline + b" " * _INDENT
    separator = inner
    out.write(opening)
    for item in items:
        out.write(separator)
        separator = b"," + inner
        if isinstance(item, bytes):
            out.write(item)
        else:
            out.write(item[0])
            _stream(item[1], out, inner)
    out.write(closing if separator == inner else newline + closing)


def _encoded(value: Any, newline: bytes) -> bytes:
    # A line end can only be the formatter's: in a JSON string it is escaped.
    text = msgspec.json.format(msgspec.json.encode(value), indent=_INDENT)
    return text.replace(b"\n", newline)

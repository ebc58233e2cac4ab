"""YAML of any size: keys in their order, Unicode, long lists in pieces."""

from collections.abc import Iterable
from itertools import islice
from typing import Any, BinaryIO

import msgspec

from cli.report.model import ScanReport

_CHUNK = 256
"""Items dumped at once: enough to keep the emitter busy, little to hold."""


def write(report: ScanReport, out: BinaryIO) -> None:
    """Write the report as one YAML document."""
    for field, name in zip(report.__struct_fields__, report.__struct_encode_fields__, strict=True):
        value = getattr(report, field)
        if isinstance(value, tuple) and value:
            out.write(f"{name}:\n".encode())
            write_items(value, out)
        else:
            out.write(_dumped({name: value}))


def write_items(items: Iterable[Any], out: BinaryIO) -> None:
    """Write a sequence of items (Structs, dicts...); `[]` when there are none."""
    remaining = iter(items)
    chunk = list(islice(remaining, _CHUNK))
    if not chunk:
        out.write(b"[]\n")
    while chunk:
        out.write(_dumped(chunk))
        chunk = list(islice(remaining, _CHUNK))


def write_item(item: Any, out: BinaryIO) -> None:
    """Write one item (Struct, dict...) as a document."""
    out.write(_dumped(item))


def _dumped(value: Any) -> bytes:
    import yaml

    # The same text by libyaml's emitter, some ten times as fast, where PyYAML was built with it.
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    builtins = msgspec.to_builtins(value)
    return bytes(yaml.dump(builtins, Dumper=dumper, sort_keys=False, allow_unicode=True, encoding="utf-8"))

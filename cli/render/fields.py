"""One item for people: a name and a value a line, as `kubectl describe` has it; or as JSON and YAML."""

from collections.abc import Iterable, Sequence
from typing import Any, TextIO

from cli.options import ShowFormat
from cli.render import json_text, yaml_text
from cli.render.text import printable

Field = tuple[str, str | Sequence[str]]
"""A name with a value, or with several, one a line. Foreign text allowed."""

_GAP = 2


def write_fields(fields: Iterable[Field], out: TextIO) -> None:
    """Write the fields that have a value, their values aligned."""
    lines = [(name, [value] if isinstance(value, str) else list(value)) for name, value in fields]
    kept = [(name, list(filter(None, values))) for name, values in lines if any(values)]
    width = max((len(name) for name, _ in kept), default=0) + len(":") + _GAP
    for name, values in kept:
        for number, value in enumerate(values):
            label = f"{name}:" if number == 0 else ""
            out.write(f"{label:{width}}{printable(value)}\n")


def write_item(item: Any, fields: Iterable[Field], output: ShowFormat, out: TextIO) -> None:
    """Write one item in the format asked for."""
    match output:
        case ShowFormat.JSON:
            json_text.stream(item, out.buffer)
        case ShowFormat.YAML:
            yaml_text.write_item(item, out.buffer)
        case _:
            write_fields(fields, out)
    out.flush()

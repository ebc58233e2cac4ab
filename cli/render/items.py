"""A list of items in the format asked for, one item at a time where the format allows it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TextIO, TypeVar

from cli.options import ListFormat
from cli.render import json_text, yaml_text
from cli.render.columns import Column, Row, write_columns
from cli.render.listing import write_csv, write_names

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Layout(Generic[T]):
    """How an item is shown: in a table for people, as CSV for programs, and by its name."""

    columns: Sequence[Column]
    row: Callable[[T], Row]
    fields: Sequence[Column]
    record: Callable[[T], Row]
    name: Callable[[T], str]


class Counted(Generic[T]):
    """An iterator that knows how many items it gave."""

    def __init__(self, items: Iterator[T]) -> None:
        self._items = items
        self.count = 0

    def __iter__(self) -> Iterator[T]:
        """Itself: a stream is read once."""
        return self

    def __next__(self) -> T:
        item = next(self._items)
        self.count += 1
        return item


def write_items(items: Iterator[T], output: ListFormat, layout: Layout[T], out: TextIO) -> int:
    """Write the items; returns how many there were. The table needs all of them for its widths."""
    counted = Counted(items)
    match output:
        case ListFormat.JSON:
            json_text.stream(counted, out.buffer)
        case ListFormat.YAML:
            yaml_text.write_items(counted, out.buffer)
        case ListFormat.CSV:
            write_csv(layout.fields, map(layout.record, counted), out)
        case ListFormat.NAME:
            write_names(map(layout.name, counted), out)
        case _:
            wide = output is ListFormat.WIDE
            write_columns(layout.columns, map(layout.row, counted), out, wide=wide)
    out.flush()
    return counted.count

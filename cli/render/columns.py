"""Tables as kubectl has them: for a terminal by rich, plain and unabridged for a pipe."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TextIO

from cli.render.text import printable

NONE = "<none>"
"""An empty cell, as kubectl prints it: no column vanishes for awk."""

_GAP = "   "


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its header, and how it is shown on a terminal.

    `styles`: rich style by cell value. `wraps`: a cell may take several lines;
    one that may not is never broken. `wide`: shown with `-o wide` only. `least`: cells of a width
    that a table which grows has to expect.
    """

    header: str
    styles: Mapping[str, str] = field(default_factory=dict)
    wraps: bool = False
    wide: bool = False
    least: int = 0


Row = Sequence[str]
"""Cells of one row, foreign text allowed; as many as there are columns."""


def write_columns(columns: Sequence[Column], rows: Iterable[Row], out: TextIO, *, wide: bool = False) -> None:
    """Write a table; nothing, not even a header, when there are no rows.

    Plain text where `out` is no terminal: aligned, never cut, never coloured.
    """
    shown = [index for index, column in enumerate(columns) if wide or not column.wide]
    kept = [columns[index] for index in shown]
    cells = [_cells(row, shown, out) for row in rows]
    if not cells:
        return
    if out.isatty():
        _write_rich(kept, cells, out)
    else:
        _write_plain(kept, cells, out)


def _cells(row: Row, shown: Sequence[int], out: TextIO) -> Row:
    return [_as_written(printable(row[index]), out) or NONE for index in shown]


def _as_written(text: str, out: TextIO) -> str:
    """What a terminal that is not UTF-8 will show: as long as it is there."""
    encoding = out.encoding or "utf-8"
    return text if text.isascii() else text.encode(encoding, "backslashreplace").decode(encoding)


def _write_plain(columns: Sequence[Column], cells: Sequence[Row], out: TextIO) -> None:
    headers = [column.header for column in columns]
    widths = _widths([headers, *cells])
    out.writelines(_line(row, widths) for row in (headers, *cells))


def _widths(rows: Sequence[Row]) -> list[int]:
    from rich.cells import cell_len

    widths = [max(map(cell_len, texts)) for texts in zip(*rows, strict=True)]
    widths[-1] = 0  # nothing follows the last column, so it needs no padding
    return widths


def _line(row: Row, widths: Sequence[int]) -> str:
    from rich.cells import cell_len

    padded = (text + " " * (width - cell_len(text)) for text, width in zip(row, widths, strict=True))
    return _GAP.join(padded) + "\n"


class Live:
    """A table that grows: as wide as its first rows, plain also on a terminal, as `kubectl get --watch`."""

    def __init__(self, columns: Sequence[Column], rows: Iterable[Row], out: TextIO, *, wide: bool) -> None:
        self._shown = [index for index, column in enumerate(columns) if wide or not column.wide]
        self._out = out
        headers = [columns[index].header for index in self._shown]
        cells = [_cells(row, self._shown, out) for row in rows]
        least = [columns[index].least for index in self._shown]
        self._widths = [*map(max, _widths([headers, *cells]), least)]
        out.writelines(_line(row, self._widths) for row in (headers, *cells))

    def write(self, row: Row) -> None:
        """One more row; a cell that is too wide shifts the rest of its line."""
        self._out.write(_line(_cells(row, self._shown, self._out), self._widths))


def _write_rich(columns: Sequence[Column], cells: Sequence[Row], out: TextIO) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, len(_GAP), 0, 0), header_style="bold")
    for column in columns:
        table.add_column(Text(column.header), overflow="fold", no_wrap=not column.wraps)
    for row in cells:
        styled = zip(columns, row, strict=True)
        table.add_row(*(Text(cell, style=column.styles.get(cell, "")) for column, cell in styled))
    Console(file=out, highlight=False, markup=False, emoji=False).print(table)


_MINUTE = 60
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR
_YEAR = 365 * _DAY


def age(delta: timedelta) -> str:
    """A duration as kubectl prints ages: `45s`, `3h12m`, `5d`.

    The limits are those of `HumanDuration` in k8s.io/apimachinery
    (pkg/util/duration): two units where the second still matters. A negative
    duration of less than 2 s is clock skew and `0s`; a longer one `<invalid>`.
    """
    seconds = int(delta.total_seconds())
    if seconds < 0:
        return "0s" if seconds == -1 else "<invalid>"
    # (below this many seconds, unit, letter, second unit, its letter)
    for limit, unit, letter, second, second_letter in (
        (2 * _MINUTE, 1, "s", 0, ""),
        (10 * _MINUTE, _MINUTE, "m", 1, "s"),
        (3 * _HOUR, _MINUTE, "m", 0, ""),
        (8 * _HOUR, _HOUR, "h", _MINUTE, "m"),
        (2 * _DAY, _HOUR, "h", 0, ""),
        (8 * _DAY, _DAY, "d", _HOUR, "h"),
        (2 * _YEAR, _DAY, "d", 0, ""),
        (8 * _YEAR, _YEAR, "y", _DAY, "d"),
    ):
        if seconds < limit:
            rest = seconds % unit // second if second else 0
            return f"{seconds // unit}{letter}" + (f"{rest}{second_letter}" if rest else "")
    return f"{seconds // _YEAR}y"

"""Output formats of list commands besides the table: CSV and names.

JSON and YAML of lists: `json_text.stream` and `yaml_text.write_items`.
"""

import csv
import re
from collections.abc import Iterable, Sequence
from typing import TextIO

from cli.render.columns import Column, Row
from cli.render.text import printable

_NUMBER = re.compile(r"[+-]\d+(?:\.\d+)?", re.ASCII)
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def write_csv(columns: Sequence[Column], rows: Iterable[Row], out: TextIO) -> None:
    """Write all columns, wide ones too, as CSV (RFC 4180) under lower-case headers.

    A cell that a spreadsheet would take for a formula gets an apostrophe before
    it (OWASP, CSV injection): names and messages come from anyone. A number is none.
    """
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([column.header.lower().replace(" ", "_") for column in columns])
    for row in rows:
        writer.writerow([f"'{cell}" if _is_formula(cell) else cell for cell in row])


def _is_formula(cell: str) -> bool:
    return cell.startswith(_FORMULA_STARTS) and not _NUMBER.fullmatch(cell)


def write_names(names: Iterable[str], out: TextIO) -> None:
    """Write one name a line, as kubectl's `-o name`, for xargs."""
    out.writelines(printable(name) + "\n" for name in names)

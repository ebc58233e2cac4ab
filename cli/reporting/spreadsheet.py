"""The violations of a period as CSV, row by row, for whoever counts in another way."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TextIO

from cli.render.columns import Column, Row
from cli.render.listing import write_csv
from cli.render.violations import FIELDS, record
from sink.queries.filters import Filter
from sink.queries.model import Violation
from sink.queries.policies import list_policies
from sink.queries.reader import Reader
from sink.queries.violations import list_period

_MORE = (Column("SEVERITY"), Column("TITLE"), Column("SECONDS OPEN"))


async def write_spreadsheet(
    reader: Reader, wanted: Filter, since: datetime, now: datetime, out: TextIO
) -> None:
    """Those that are open, then those that were resolved since; the newest of each first."""
    severities = {(each.cluster, each.name): each.severity or "" for each in await list_policies(reader)}

    def write(found: Iterator[Violation]) -> None:
        write_csv((*FIELDS, *_MORE), (_row(each, severities, now) for each in found), out)

    await list_period(reader, wanted, since, now, write)


def _row(each: Violation, severities: Mapping[tuple[str, str], str], now: datetime) -> Row:
    lasted = ((each.resolved_at or now) - each.opened_at).total_seconds()
    severity = severities.get((each.cluster, each.policy), "")
    return (*record(each), severity, each.policy_title, f"{max(lasted, 0):.0f}")

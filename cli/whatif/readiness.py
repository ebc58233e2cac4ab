"""`tocsin policies readiness`: what would be refused if policies that warn were enforced.

Asks the verdicts in the database; nothing is evaluated, since the mode changes no outcome.
"""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from cli.database import reader_of
from cli.invoke import reader_may_leave
from cli.options import ListFormat
from cli.render.items import write_items
from cli.render.readiness import layout
from cli.since import parse_time
from pipeline.errors import ExitCode, UsageError, clip
from pipeline.settings import load_settings
from sink.queries.standings import readiness as ask
from sink.queries.terms import terms


async def readiness(
    names: Sequence[str],
    clusters: Sequence[str],
    since: str,
    output: ListFormat,
    *,
    exit_code: bool,
    db: str | None,
) -> ExitCode:
    """Print a line for each policy."""
    now = datetime.now(UTC)
    begin = parse_time(since, now, "--since")
    async with reader_of(load_settings(db=db)) as reader:
        found = await ask(reader, terms(names), clusters, begin, now)
    if names and not found:
        wanted = clip(", ".join(names))
        raise UsageError(f"no policy {wanted!r} is loaded: `tocsin policies list` names those that are")
    with reader_may_leave():
        write_items(iter(found), output, layout(now), sys.stdout)
    if not found:
        sys.stderr.write("No policy is in mode warn.\n")
    ready = all(each.ready for each in found)
    return ExitCode.VIOLATIONS if exit_code and not ready else ExitCode.OK

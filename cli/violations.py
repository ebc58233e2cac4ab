"""`tocsin violations list` and `show`: questions to the database, answers to stdout."""

import sys
from dataclasses import replace
from datetime import UTC, datetime

from cli.invoke import reader_may_leave
from cli.options import ListFormat, ShowFormat
from cli.render.fields import write_item
from cli.render.items import write_items
from cli.render.text import counted
from cli.render.violations import fields, layout, subject
from cli.since import parse_since
from pipeline.errors import ExitCode, UsageError, clip
from pipeline.settings import load_settings
from sink.queries.filters import Filter
from sink.queries.policies import list_policies
from sink.queries.reader import Reader
from sink.queries.violations import earlier_spans, find_violations, list_violations
from sink.queries.words import Sort, State


async def list_(
    filter_: Filter, sort: Sort, limit: int | None, output: ListFormat, *, since: str | None, db: str | None
) -> ExitCode:
    """Print violations; what there is to say besides goes to stderr."""
    now = datetime.now(UTC)
    wanted = filter_ if since is None else replace(filter_, since=parse_since(since, now))
    shape = layout(now, with_resolved=wanted.state is not State.OPEN)
    async with Reader.open(load_settings(db=db).db) as reader:
        with reader_may_leave():
            count = await list_violations(
                reader,
                wanted,
                sort,
                limit,
                lambda items: write_items(items, output, shape, sys.stdout),
            )
            _say(count, wanted.state, limit)
    return ExitCode.OK


def _say(count: int, state: State, limit: int | None) -> None:
    kind = "" if state is State.ALL else f"{state.value} "
    if not count:
        sys.stderr.write(f"No {kind}violations.\n")
    elif count == limit:
        sys.stderr.write(f"{counted(count, f'{kind}violation')}: as many as --limit allows\n")
    elif sys.stderr.isatty():
        sys.stderr.write(f"{counted(count, f'{kind}violation')}\n")


async def show(prefix: str, output: ShowFormat, *, db: str | None) -> ExitCode:
    """Print one violation."""
    async with Reader.open(load_settings(db=db).db) as reader:
        found = await find_violations(reader, prefix.lower())
        if not found:
            raise UsageError(f"no violation {clip(prefix)!r}: `tocsin violations list --all` has their ids")
        if len(found) > 1:
            named = ", ".join(f"{each.id} ({subject(each)}, {each.policy})" for each in found)
            raise UsageError(f"{clip(prefix)!r} begins the ids of several violations: {named}")
        (violation,) = found
        earlier = await earlier_spans(reader, violation)
        policies = await list_policies(reader, [violation.cluster], violation.policy)
    page = fields(violation, policies[0] if policies else None, earlier, datetime.now(UTC))
    with reader_may_leave():
        write_item(violation, page, output, sys.stdout)
    return ExitCode.OK

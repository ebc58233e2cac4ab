"""`tocsin violations`: questions to the database, answers to stdout."""

import asyncio
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from cli.database import expect_recorded, reader_of, where_unnamed
from cli.invoke import reader_may_leave
from cli.narrowing import Said, filter_of
from cli.options import ListFormat, ShowFormat
from cli.render import history as history_page
from cli.render.columns import Live
from cli.render.fields import write_item
from cli.render.groups import layout as group_layout
from cli.render.items import write_items
from cli.render.json_text import write_line
from cli.render.summary import write_summary
from cli.render.text import counted
from cli.render.violations import CHANGES, change, fields, layout, subject
from cli.since import parse_time
from pipeline.errors import ExitCode, UsageError, clip
from pipeline.service import stop_on_signals
from pipeline.settings import load_settings
from sink.queries.changes import Changes
from sink.queries.groups import list_groups
from sink.queries.model import Violation
from sink.queries.policies import list_policies
from sink.queries.summary import summarise
from sink.queries.terms import Term
from sink.queries.violations import count_waived, detail, find_violations, list_history, list_violations
from sink.queries.words import By, Sort, State

_TABLES = (ListFormat.TABLE, ListFormat.WIDE)


@dataclass(frozen=True, slots=True)
class Asked:
    """What to list, and how."""

    said: Said
    sort: Sort
    limit: int | None
    start: str
    output: ListFormat


async def list_(asked: Asked, by: By | None, *, exit_code: bool, db: str | None) -> ExitCode:
    """Print violations, or groups of them; what there is to say besides goes to stderr."""
    now, output = datetime.now(UTC), asked.output
    wanted, start = filter_of(asked.said, now), asked.start
    rolled = output in _TABLES and wanted.state is State.OPEN
    by = by or (By.WORKLOAD if rolled else By.RESOURCE)
    settings = load_settings(db=db)
    async with reader_of(settings) as reader:
        await expect_recorded(reader, wanted)
        count, rest = 0, ""
        with reader_may_leave():
            if by is By.RESOURCE:
                shape = layout(now, wanted.state)
                count, rest = await list_violations(
                    reader, wanted, asked.sort, asked.limit,
                    lambda items: write_items(items, output, shape, sys.stdout), start=start,
                )  # fmt: skip
            else:
                of_groups = group_layout(by, now)
                count, rest = await list_groups(
                    reader, wanted, by, asked.sort, asked.limit,
                    lambda items: write_items(items, output, of_groups, sys.stdout), start=start,
                )  # fmt: skip
            _say(count, _noun(by, wanted.state), rest, where_unnamed(settings))
            if wanted.state is State.OPEN:
                _say_waived(*await count_waived(reader, wanted, now))
    return ExitCode.VIOLATIONS if count and exit_code else ExitCode.OK


def _noun(by: By, state: State) -> str:
    kind = "" if state is State.ALL else f"{state.value} "
    match by:
        case By.RESOURCE:
            return f"{kind}violation"
        case By.WORKLOAD:
            return f"row of {kind}violations"
        case By.POLICY:
            return f"policy with {kind}violations"
        case By.NAMESPACE:
            return f"namespace with {kind}violations"


def _say(count: int, noun: str, rest: str, where: str) -> None:
    if not count:
        words = noun.rpartition("of ")[2].rpartition("with ")[2].removesuffix("s")
        sys.stderr.write(f"No {words}s{where}.\n")
    elif rest:
        sys.stderr.write(f"{_counted(count, noun)}: as many as --limit allows; more: --continue {rest}\n")
    elif sys.stderr.isatty():
        sys.stderr.write(f"{_counted(count, noun)}\n")


def _say_waived(count: int, over: int) -> None:
    if count:
        by = f", {over} by waivers that are over, until the next evaluation" if over else ""
        lists = f"--waived lists {'it' if count == 1 else 'them'}"
        sys.stderr.write(f"{counted(count, 'violation')} waived{by}: {lists}\n")


def _counted(count: int, noun: str) -> str:
    head, space, tail = noun.partition(" ")
    if space and head in ("row", "policy", "namespace"):
        return f"{counted(count, head)} {tail}"
    return counted(count, noun)


async def watch(asked: Asked, by: By | None, *, exit_code: bool, db: str | None) -> ExitCode:
    """Print violations, then each one that opens or ends, until a signal comes."""
    if by not in (None, By.RESOURCE) or asked.limit or asked.start or exit_code:
        raise UsageError("--watch tells of each violation: without --by, --limit, --continue and --exit-code")
    if asked.output in (ListFormat.YAML, ListFormat.CSV):
        raise UsageError(f"--watch: expected -o table, wide, json or name, got {asked.output.value}")
    settings = load_settings(db=db)
    wanted = filter_of(asked.said, datetime.now(UTC))
    stop = asyncio.Event()
    with stop_on_signals(stop), reader_may_leave():
        async with reader_of(settings) as reader:
            changes = Changes(reader, wanted)
            await changes.begin()
            tell = _Teller(asked.output)
            await list_violations(reader, wanted, asked.sort, None, lambda items: tell.first(items, changes))
            while not await _stopped(stop, settings.poll_interval):
                tell.then(await changes.next())
    return ExitCode.OK


async def _stopped(stop: asyncio.Event, seconds: float) -> bool:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return False
    return True


class _Teller:
    """Writes violations as they come."""

    def __init__(self, output: ListFormat) -> None:
        self._output = output
        self._table: Live | None = None

    def first(self, items: Iterator[Violation], changes: Changes) -> None:
        """What is there; a table takes its widths from it."""
        found = list(items) if self._output in _TABLES else items
        if isinstance(found, list):
            now = datetime.now(UTC)
            wide = self._output is ListFormat.WIDE
            self._table = Live(CHANGES, [change(each, now) for each in found], sys.stdout, wide=wide)
            changes.know(found)
        else:
            for each in found:
                changes.know([each])
                self._write(each)
        sys.stdout.flush()

    def then(self, found: list[Violation]) -> None:
        """What opened or ended."""
        for each in found:
            self._write(each)
        sys.stdout.flush()

    def _write(self, violation: Violation) -> None:
        if self._table is not None:
            self._table.write(change(violation, datetime.now(UTC)))
        elif self._output is ListFormat.JSON:
            write_line(violation, sys.stdout)
        else:
            sys.stdout.write(f"{violation.id}\n")


async def show(prefix: str, output: ShowFormat, *, db: str | None) -> ExitCode:
    """Print one violation."""
    async with reader_of(load_settings(db=db)) as reader:
        found = await find_violations(reader, prefix.lower())
        if not found:
            raise UsageError(f"no violation {clip(prefix)!r}: `tocsin violations list --all` has their ids")
        if len(found) > 1:
            named = ", ".join(f"{each.id} ({subject(each)}, {each.policy})" for each in found)
            raise UsageError(f"{clip(prefix)!r} begins the ids of several violations: {named}")
        (violation,) = found
        policies = await list_policies(reader, [Term(violation.cluster)], violation.policy)
        policy = policies[0] if policies else None
        whole = await detail(reader, violation, policy)
    with reader_may_leave():
        write_item(whole, fields(whole, policy, datetime.now(UTC)), output, sys.stdout)
    return ExitCode.OK


async def history(asked: Asked, *, exit_code: bool, db: str | None) -> ExitCode:
    """Print spans of violation."""
    now = datetime.now(UTC)
    wanted = filter_of(asked.said, now)
    shape, settings = history_page.layout(now), load_settings(db=db)
    async with reader_of(settings) as reader:
        await expect_recorded(reader, wanted)
        with reader_may_leave():
            count, rest = await list_history(
                reader, wanted, asked.sort, asked.limit,
                lambda items: write_items(items, asked.output, shape, sys.stdout), start=asked.start,
            )  # fmt: skip
            _say(count, _noun(By.RESOURCE, wanted.state), rest, where_unnamed(settings))
    return ExitCode.VIOLATIONS if count and exit_code else ExitCode.OK


async def summary(said: Said, since: str, top: int, output: ShowFormat, *, db: str | None) -> ExitCode:
    """Print how things stand."""
    now = datetime.now(UTC)
    begin = parse_time(since, now, "--since")
    if begin >= now or (now - begin) > (begin - datetime.min.replace(tzinfo=UTC)):
        raise UsageError(f"--since {clip(since)!r}: expected a time in the past, such as 7d or a date")
    wanted = filter_of(said, now)
    async with reader_of(load_settings(db=db)) as reader:
        await expect_recorded(reader, wanted)
        found = await summarise(reader, wanted, begin, now)
    with reader_may_leave():
        write_summary(found, top, output, sys.stdout)
    return ExitCode.OK

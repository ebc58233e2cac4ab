"""`tocsin db`: the schema of the database, and what it forgets."""

import sys
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime

import migrations
from cli.since import parse_time
from pipeline.errors import ExitCode, UsageError, clip
from pipeline.settings import Settings, load_settings
from sink import schema
from sink.database import connect, parse_url, shown
from sink.pruning import count, heaps
from sink.pruning import prune as prune_heap
from sink.queries.filters import Filter
from sink.queries.misspelt import misspelt
from sink.queries.reader import Reader

_NEWER = f"newer than this tocsin's {migrations.HEAD}, which may use it"


def reader_of(settings: Settings) -> AbstractAsyncContextManager[Reader]:
    """The database, open for questions."""
    return Reader.open(settings.db, settings.database_limits)


def where_unnamed(settings: Settings) -> str:
    """Where an answer is from, if nobody named the database: it may be another one than they think of."""
    return "" if settings.db_given else f" in {shown(parse_url(settings.db))}"


async def expect_recorded(reader: Reader, wanted: Filter) -> None:
    """Raise UsageError for a name that nothing recorded has: no answer would be taken for a good one."""
    unknown = await misspelt(reader, wanted)
    if unknown:
        raise UsageError(f"nothing is recorded of {clip(', '.join(unknown))}; is it spelt so?")


async def upgrade(*, db: str | None) -> ExitCode:
    """Bring the schema to this version; make the database where it is a file that is not there."""
    url = parse_url(load_settings(db=db).db)
    async with connect(url, writes=True) as engine:
        before = await schema.upgrade(engine)
    if before.is_newer:
        sys.stderr.write(f"{shown(url)} has schema {before.revision} already, {_NEWER}\n")
    elif before.may_be_used:
        sys.stderr.write(f"{shown(url)} has schema {before.revision} already\n")
    else:
        sys.stderr.write(f"{shown(url)}: schema {before.revision or 'none'} -> {migrations.HEAD}\n")
    return ExitCode.OK


async def prune(resolved_before: str, *, dry_run: bool, db: str | None) -> ExitCode:
    """Forget what has been over for so long; print how much of it."""
    settings = load_settings(db=db)
    now = datetime.now(UTC)
    before = parse_time(resolved_before, now, "--resolved-before")
    if before > now:
        raise UsageError(f"--resolved-before {clip(resolved_before)!r}: expected a time in the past")
    async with connect(parse_url(settings.db), writes=True, limits=settings.database_limits) as engine:
        await schema.prepare(engine, create=False)
        for heap in heaps(before):
            if dry_run:
                number = await count(engine, heap)
            else:
                number = sum([each async for each in prune_heap(engine, heap, settings.prune_batch)])
            sys.stdout.write(f"{heap.name}: {number}{' would go' if dry_run else ''}\n")
            sys.stdout.flush()
    return ExitCode.OK


async def current(*, db: str | None) -> ExitCode:
    """Print the schema's revision. Raises StoreError unless this version may use it."""
    url = parse_url(load_settings(db=db).db)
    async with connect(url, writes=False) as engine:
        found = await schema.current(engine)
        if found.revision is not None:
            sys.stdout.write(f"{found.revision}\n")
        await schema.prepare(engine, create=False)
        if found.is_newer:
            sys.stderr.write(f"{shown(url)} is {_NEWER}\n")
    return ExitCode.OK

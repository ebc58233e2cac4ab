"""`tocsin db`: the schema of the database."""

import sys
from contextlib import AbstractAsyncContextManager

import migrations
from pipeline.errors import ExitCode
from pipeline.settings import Settings, load_settings
from sink import schema
from sink.database import connect, parse_url, shown
from sink.queries.reader import Reader


def reader_of(settings: Settings) -> AbstractAsyncContextManager[Reader]:
    """The database, open for questions."""
    return Reader.open(settings.db, settings.database_limits)


async def upgrade(*, db: str | None) -> ExitCode:
    """Bring the schema to this version; make the database where it is a file that is not there."""
    url = parse_url(load_settings(db=db).db)
    async with connect(url, writes=True) as engine:
        before = await schema.upgrade(engine)
    if before == migrations.HEAD:
        sys.stderr.write(f"{shown(url)} has schema {before} already\n")
    else:
        sys.stderr.write(f"{shown(url)}: schema {before or 'none'} -> {migrations.HEAD}\n")
    return ExitCode.OK


async def current(*, db: str | None) -> ExitCode:
    """Print the schema's revision. Raises StoreError unless it is this version's."""
    url = parse_url(load_settings(db=db).db)
    async with connect(url, writes=False) as engine:
        revision = await schema.current(engine)
        if revision is not None:
            sys.stdout.write(f"{revision}\n")
        await schema.prepare(engine, create=False)
    return ExitCode.OK

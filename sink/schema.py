"""The schema's version: what a database has, what this version needs, and the way from one to the other.

A schema of a newer release is as good where it says that this one may use it
(docs/decisions/0012): during an upgrade two releases use one database.
"""

import asyncio
import time
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import inspect, select, text
from sqlalchemy.engine import URL, Connection, Engine

import migrations
from pipeline.errors import StoreBusyError, StoreError, clip
from sink.database import file_of, shown, translated
from sink.tables import schema_compatibility

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

_PATIENCE = 60.0
"""Seconds to try to have the tables for a revision; sinks and readers go on in between."""

_PAUSE = 0.1
_LONGEST_PAUSE = 2.0


class Schema(NamedTuple):
    """What a database has. `revision`: None where there are no tables of ours.

    `oldest`: of a newer release's schema, the oldest revision whose release may use it.
    """

    revision: str | None
    oldest: str | None = None

    @property
    def is_newer(self) -> bool:
        """Of a release that this one has never heard of."""
        return self.revision is not None and self.revision not in migrations.REVISIONS

    @property
    def may_be_used(self) -> bool:
        """By this release."""
        return self.revision == migrations.HEAD or (self.is_newer and self.oldest in migrations.REVISIONS)


async def prepare(engine: "AsyncEngine", *, create: bool) -> None:
    """Make sure that the schema is one that this version may use. Raises StoreError that says what to do.

    `create`: make the schema where there is none yet, on SQLite only; a server is upgraded
    when its operator says so.
    """
    file = file_of(engine.url)
    if not create:
        _find(engine.url)
    found = await current(engine) if file is None or file.exists() else Schema(None)
    if found.revision is None and create and engine.dialect.name == "sqlite":
        await upgrade(engine)
    else:
        _expect(engine.url, found)


def require(engine: Engine) -> None:
    """Likewise for a reader, who makes no schema. Raises StoreError."""
    _find(engine.url)
    with translated(engine.url), engine.connect() as connection:
        found = _current(connection)
    _expect(engine.url, found)


def _find(url: URL) -> None:
    """Raise StoreError for a file that is not there."""
    file = file_of(url)
    if file is not None and not file.exists():
        where = shown(url)
        raise StoreError(
            f"no database at {file}: `tocsin run --db {where}` or `tocsin scan --db {where}` makes one"
        )


def _expect(url: URL, found: Schema) -> None:
    """Raise StoreError for a schema that this version may not use."""
    if found.may_be_used:
        return
    _refuse_newer(url, found)
    raise StoreError(
        f"database {shown(url)} has schema {found.revision or 'none'}, expected {migrations.HEAD}: "
        f"run `tocsin db upgrade --db {shown(url)}`"
    )


def _refuse_newer(url: URL, found: Schema) -> None:
    """Raise StoreError for a newer schema that does not let this version in."""
    if found.is_newer and not found.may_be_used:
        oldest = found.oldest or found.revision or ""
        raise StoreError(
            f"database {shown(url)} has schema {clip(found.revision or '')}, newer than this tocsin knows "
            f"({migrations.HEAD}) and not for it: use a release that knows schema {clip(oldest)}"
        )


async def current(engine: "AsyncEngine") -> Schema:
    """The schema there is. Raises StoreError without a file."""
    _find(engine.url)
    with translated(engine.url):
        async with engine.connect() as connection:
            return await connection.run_sync(_current)


def _current(connection: Connection) -> Schema:
    tables = inspect(connection)
    if not tables.has_table("alembic_version"):
        return Schema(None)
    revision = connection.scalar(text("SELECT version_num FROM alembic_version"))
    found = Schema(None if revision is None else str(revision))
    if found.is_newer and tables.has_table(schema_compatibility.name):
        return found._replace(oldest=connection.scalar(select(schema_compatibility.c.oldest_revision)))
    return found


async def upgrade(engine: "AsyncEngine") -> Schema:
    """Bring the schema to this version; returns what it was. One that is newer is left as it is.

    On a server that is in use, one revision after the other: each is there as a whole, or not at
    all, and where one fails, the next upgrade goes on from there.
    Raises StoreError, also for a newer schema that this version may not use.
    """
    file = file_of(engine.url)
    with translated(engine.url):
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
        async with engine.connect() as connection:
            before = reached = await connection.run_sync(_current)
    _refuse_newer(engine.url, before)
    while not reached.may_be_used:
        try:
            reached = await _advance(engine, reached)
        except StoreError as error:
            if reached == before:
                raise
            on = f"the schema is {reached.revision} now, and the next `tocsin db upgrade` goes on from there"
            raise type(error)(f"{error}; {on}") from error
    return before


async def _advance(engine: "AsyncEngine", reached: Schema) -> Schema:
    """One transaction further, tried again for a while where somebody else has the tables."""
    is_used = engine.dialect.name == "postgresql" and reached.revision is not None
    target = migrations.after(reached.revision) if is_used and reached.revision else migrations.HEAD
    deadline = time.monotonic() + _PATIENCE
    pause = _PAUSE
    while True:
        try:
            with translated(engine.url):
                async with engine.begin() as connection:
                    await connection.run_sync(migrations.upgrade, target)
                    return await connection.run_sync(_current)
        except StoreBusyError:
            if not is_used or time.monotonic() > deadline:
                raise
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)

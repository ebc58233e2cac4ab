"""The schema's version: what a database has, what this version needs, and the way from one to the other."""

from typing import TYPE_CHECKING

from sqlalchemy import inspect, text
from sqlalchemy.engine import URL, Connection, Engine

import migrations
from pipeline.errors import StoreError, clip
from sink.database import file_of, shown, translated

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine


async def prepare(engine: "AsyncEngine", *, create: bool) -> None:
    """Make sure that the schema is this version's. Raises StoreError that says what to do.

    `create`: make the schema where there is none yet, on SQLite only; a server is upgraded
    when its operator says so.
    """
    file = file_of(engine.url)
    if not create:
        _find(engine.url)
    revision = await current(engine) if file is None or file.exists() else None
    if revision is None and create and engine.dialect.name == "sqlite":
        await upgrade(engine)
    else:
        _expect(engine.url, revision)


def require(engine: Engine) -> None:
    """Likewise for a reader, who makes no schema. Raises StoreError."""
    _find(engine.url)
    with translated(engine.url), engine.connect() as connection:
        revision = _current(connection)
    _expect(engine.url, revision)


def _find(url: URL) -> None:
    """Raise StoreError for a file that is not there."""
    file = file_of(url)
    if file is not None and not file.exists():
        where = shown(url)
        raise StoreError(
            f"no database at {file}: `tocsin run --db {where}` or `tocsin scan --db {where}` makes one"
        )


def _expect(url: URL, revision: str | None) -> None:
    """Raise StoreError for another schema than this version's."""
    if revision == migrations.HEAD:
        return
    refuse_newer(url, revision)
    raise StoreError(
        f"database {shown(url)} has schema {revision or 'none'}, expected {migrations.HEAD}: "
        f"run `tocsin db upgrade --db {shown(url)}`"
    )


def refuse_newer(url: URL, revision: str | None) -> None:
    """Raise StoreError for a schema that this version has never heard of."""
    if revision is not None and revision not in migrations.REVISIONS:
        raise StoreError(
            f"database {shown(url)} has schema {clip(revision)}, newer than this tocsin knows "
            f"({migrations.HEAD}): use the release that made it"
        )


async def current(engine: "AsyncEngine") -> str | None:
    """The schema's revision; None where there is no schema. Raises StoreError without a file."""
    _find(engine.url)
    with translated(engine.url):
        async with engine.connect() as connection:
            return await connection.run_sync(_current)


def _current(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return None if revision is None else str(revision)


async def upgrade(engine: "AsyncEngine") -> str | None:
    """Bring the schema to this version; returns what it was. Raises StoreError, also where it is newer."""
    file = file_of(engine.url)
    with translated(engine.url):
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
        async with engine.begin() as connection:
            before = await connection.run_sync(_current)
            refuse_newer(engine.url, before)
            await connection.run_sync(migrations.upgrade)
    return before

"""From every revision that ever was, with data in place; and older releases on the newest schema.

An older release is stood for by its tables as they were: it reads and writes all of
their columns, and knows no others (docs/decisions/0012).
Not covered: the tables themselves (`test_schema`).
"""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import (
    JSON,
    BigInteger,
    Connection,
    DateTime,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    delete,
    insert,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncEngine

import migrations
from sink import schema
from sink.database import connect, parse_url
from sink.tables import violations
from sink.upsert import upsert

MOMENT = datetime(2026, 3, 1, tzinfo=UTC)
READ_AGAIN = "offsets"
"""Emptied by revisions whose new tables are filled from the log."""


@pytest.fixture
async def engine(database: str) -> AsyncIterator[AsyncEngine]:
    async with connect(parse_url(database), writes=True) as engine:
        yield engine


def at_revision(connection: Connection, revision: str) -> dict[str, Table]:
    """Make the schema of a revision; its tables, without what the database computes."""
    migrations.upgrade(connection, revision)
    found = MetaData()
    found.reflect(connection)
    found.remove(found.tables["alembic_version"])
    return dict(found.tables)


def row_of(table: Table, number: int) -> dict[str, Any]:
    """A row that fills every column that may be written."""
    return {
        column.name: _value(column.type, f"{column.name} {number}", number)
        for column in table.columns
        if column.computed is None
    }


def _value(type_: Any, text: str, number: int) -> Any:
    match type_:
        case JSON():
            return {"number": number}
        case DateTime():
            return MOMENT
        case BigInteger() | Integer():
            return number
        case LargeBinary():
            return text.encode()
        case _:
            return text[:16]


def _rows(connection: Connection, table: Table) -> list[dict[str, Any]]:
    written = [column for column in table.columns if column.computed is None]
    found = connection.execute(select(*written).order_by(*table.primary_key)).mappings()
    return [{name: _plain(value) for name, value in row.items()} for row in found]


def _plain(value: Any) -> Any:
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) else value


@pytest.mark.parametrize("revision", migrations.REVISIONS)
async def test_what_was_written_is_there_after_the_upgrade(engine: AsyncEngine, revision: str) -> None:
    async with engine.begin() as connection:
        tables = await connection.run_sync(at_revision, revision)
        for table in tables.values():
            await connection.execute(insert(table), [row_of(table, number) for number in range(3)])
        before = {name: await connection.run_sync(_rows, table) for name, table in tables.items()}
    assert await schema.upgrade(engine) == revision
    async with engine.connect() as connection:
        for name in tables.keys() - {READ_AGAIN}:
            assert await connection.run_sync(_rows, tables[name]) == before[name]


@pytest.mark.parametrize("revision", migrations.REVISIONS)
async def test_an_older_release_goes_on_writing_and_reading(engine: AsyncEngine, revision: str) -> None:
    async with engine.begin() as connection:
        tables = await connection.run_sync(at_revision, revision)
    await schema.upgrade(engine)
    async with engine.begin() as connection:
        for table in tables.values():
            rows = [row_of(table, number) for number in range(3)]
            await upsert(connection, table, rows)
            await upsert(connection, table, rows)
            name = next(column.name for column in table.columns if not column.primary_key)
            await connection.execute(update(table).values({name: rows[0][name]}))
            key = next(iter(table.primary_key))
            await connection.execute(delete(table).where(key == rows[2][key.name]))
            found = await connection.run_sync(_rows, table)
            assert found == [{**row, name: rows[0][name]} for row in rows[:2]]


async def test_violations_of_older_releases_have_their_workload(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        tables = await connection.run_sync(at_revision, "0001")
        owned, alone = (row_of(tables["violations"], number) for number in range(2))
        alone |= {"owner_kind": "", "owner_name": ""}
        await connection.execute(insert(tables["violations"]), [owned, alone])
    await schema.upgrade(engine)
    async with engine.connect() as connection:
        workload = (violations.c.workload_kind, violations.c.workload_name)
        found = (await connection.execute(select(*workload).order_by(violations.c.id))).all()
    assert list(map(tuple, found)) == [("owner_kind 0", "owner_name 0"), ("kind 1", "name 1")]

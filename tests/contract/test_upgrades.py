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
    text,
    update,
)
from sqlalchemy.ext.asyncio import AsyncEngine

import migrations
from sink import schema
from sink.database import connect, parse_url
from sink.queries.filters import Filter
from sink.queries.reader import Reader
from sink.queries.violations import list_violations
from sink.queries.words import Sort, State
from sink.store import Store
from sink.tables import schema_compatibility, violations
from sink.upsert import upsert
from tests.contract.test_store import applied, checked, delivery, failed, gone, resource
from tests.unit.sink.histories import CLUSTER, FAIL, PASS, WAIVED, history

MOMENT = datetime(2026, 3, 1, tzinfo=UTC)
OF_THE_SCHEMA = ("alembic_version", "schema_compatibility")
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
    return {name: table for name, table in found.tables.items() if name not in OF_THE_SCHEMA}


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
    assert (await schema.upgrade(engine)).revision == revision
    async with engine.connect() as connection:
        for name in tables.keys() - {READ_AGAIN}:
            assert await connection.run_sync(_rows, tables[name]) == before[name]


@pytest.mark.parametrize("revision", migrations.REVISIONS)
async def test_an_older_release_goes_on_writing_and_reading(engine: AsyncEngine, revision: str) -> None:
    async with engine.begin() as connection:
        tables = await connection.run_sync(at_revision, revision)
    await schema.upgrade(engine)
    async with engine.begin() as connection:
        oldest = await connection.scalar(select(schema_compatibility.c.oldest_revision))
        assert oldest is not None
        assert oldest <= revision
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


def _made_by_the_next_release(connection: Connection) -> None:
    """A revision as the next release may have it: it adds, and this release knows nothing of it."""
    for statement in (
        "ALTER TABLE violations ADD COLUMN risk VARCHAR(16) NOT NULL DEFAULT 'unknown'",
        "ALTER TABLE offsets ADD COLUMN epoch INTEGER NOT NULL DEFAULT 0",
        "CREATE TABLE teams (name VARCHAR PRIMARY KEY)",
        "CREATE INDEX ix_violations_risk ON violations (risk)",
        "UPDATE alembic_version SET version_num = '9999'",
    ):
        connection.execute(text(statement))


def _forget_the_newest(patch: pytest.MonkeyPatch) -> None:
    """Let this code know what the release before it knew."""
    patch.setattr(migrations, "REVISIONS", migrations.REVISIONS[:-1])
    patch.setattr(migrations, "HEAD", migrations.REVISIONS[-1])


@pytest.mark.parametrize("newest", ["this release's", "the next release's"])
async def test_the_previous_release_opens_writes_and_reads_the_newest_schema(
    database: str, engine: AsyncEngine, newest: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await schema.upgrade(engine)
    if newest == "this release's":
        _forget_the_newest(monkeypatch)
    else:
        async with engine.begin() as connection:
            await connection.run_sync(_made_by_the_next_release)
    async with Store.open(database, create=True) as store:
        for told in (
            [resource(), applied(), checked(), failed(), *history("web", [FAIL, PASS, FAIL, WAIVED])],
            [gone(resource()), gone(applied()), gone(failed())],
            [*history("web", [FAIL, PASS, FAIL, WAIVED, FAIL])[-1:]],
        ):
            position = max((await store.positions("log")).values(), default=0)
            await store.apply(delivery(told, position), "log")
        assert len(await store.last_verdicts(CLUSTER)) == 1
    async with Reader.open(database) as reader:
        found, _ = await list_violations(reader, Filter(state=State.ALL), Sort.RESOURCE, None, list)
    assert sorted(str(each.resolution) for each in found) == ["None", "fixed", "waived"]


async def test_the_previous_release_changes_nothing_of_a_newer_schema(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await schema.upgrade(engine)
    newest = migrations.HEAD
    _forget_the_newest(monkeypatch)
    before = await schema.upgrade(engine)
    assert (before.revision, before.is_newer, before.may_be_used) == (newest, True, True)
    assert (await schema.current(engine)).revision == newest


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

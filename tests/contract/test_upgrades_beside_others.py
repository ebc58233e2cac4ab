"""An upgrade of a server that is in use: sinks write, commands read, and nobody is ended for it.

A sink of the first release is stood for by its tables as they were, in the order in which sinks lock.
Not covered: what is in the tables afterwards (`test_upgrades`).
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from itertools import count

import pytest
from sqlalchemy import Table, func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncEngine

import migrations
from pipeline.errors import StoreBusyError, StoreError
from sink import schema
from sink.database import connect, parse_url
from sink.upsert import upsert
from tests.contract.test_upgrades import at_revision, row_of
from tests.e2e.command import TOCSIN

SPANS = 20_000
"""Enough for the upgrade to be long beside a transaction of a sink."""


@pytest.fixture
async def server(database: str) -> AsyncIterator[AsyncEngine]:
    if database.startswith("sqlite"):
        pytest.skip("a file has one writer at a time")
    async with connect(parse_url(database), writes=True) as engine:
        yield engine


async def _fill(engine: AsyncEngine) -> dict[str, Table]:
    async with engine.begin() as connection:
        tables = await connection.run_sync(at_revision, "0001")
        spans = [row_of(tables["violations"], number) for number in range(SPANS)]
        await connection.execute(insert(tables["violations"]), spans)
    return tables


async def _write(engine: AsyncEngine, tables: Mapping[str, Table], place: int, stop: asyncio.Event) -> int:
    """A sink, until it is told to stop; returns how many transactions it wrote."""
    for number in count(SPANS + 100_000 * place):
        if stop.is_set():
            return number - SPANS - 100_000 * place
        async with engine.begin() as connection:
            offset = {"topic": "t", "partition": place, "log_id": "k", "next_offset": number}
            await upsert(connection, tables["offsets"], [offset])
            for name in ("resources", "policies", "verdicts", "violations", "source_errors", "offsets"):
                row = row_of(tables[name], number)
                await upsert(connection, tables[name], [row if name != "offsets" else offset])
                await asyncio.sleep(0)
    raise AssertionError


async def _read(engine: AsyncEngine, stop: asyncio.Event) -> None:
    """Questions that come to the tables in another order than sinks, with a lock from one to the next."""
    question = text(
        "SELECT count(*) FROM violations v LEFT JOIN verdicts d ON d.key = v.verdict_key"
        " LEFT JOIN policies p ON p.name = v.policy LEFT JOIN resources r ON r.key = v.resource_key"
    )
    while not stop.is_set():
        async with engine.connect() as connection:
            await connection.execute(text("SELECT count(*) FROM violations"))
            await connection.execute(question)


async def test_sinks_and_readers_go_on_beside_an_upgrade_from_the_first_revision(server: AsyncEngine) -> None:
    tables = await _fill(server)
    stop = asyncio.Event()
    async with connect(server.url, writes=True) as other, asyncio.TaskGroup() as group:
        writers = [group.create_task(_write(server, tables, number, stop)) for number in range(3)]
        for _ in range(2):
            group.create_task(_read(server, stop))
        await asyncio.sleep(0.2)
        assert (await schema.upgrade(other)).revision == "0001"
        stop.set()
    written = sum(writer.result() for writer in writers)
    async with server.connect() as connection:
        spans = await connection.scalar(select(func.count()).select_from(tables["violations"]))
        assert (await schema.current(server)).may_be_used
    assert spans == SPANS + written
    assert written > 0


async def test_upgrades_that_meet_half_way_make_each_revision_once(
    server: AsyncEngine, database: str
) -> None:
    await _fill(server)
    command = (TOCSIN, "db", "upgrade", "--db", database)
    running = [await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE) for _ in "ab"]
    said = [(await each.communicate())[1].decode() for each in running]
    assert [each.returncode for each in running] == [0, 0], said
    assert (await schema.current(server)).revision == migrations.HEAD


async def test_one_that_fails_half_way_says_so_and_the_next_goes_on(server: AsyncEngine) -> None:
    async with server.begin() as connection:
        await connection.run_sync(at_revision, "0001")
        await connection.execute(text("CREATE TABLE subscribers (id INTEGER)"))  # 0004 makes it
    with pytest.raises(StoreError, match=r"the schema is 0003 now, .* goes on"):
        await schema.upgrade(server)
    assert (await schema.current(server)).revision == "0003"
    async with server.begin() as connection:
        await connection.execute(text("DROP TABLE subscribers"))
    assert (await schema.upgrade(server)).revision == "0003"
    assert (await schema.current(server)).revision == migrations.HEAD


async def test_one_that_does_not_get_the_tables_waits_without_being_in_the_way(
    server: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "_PATIENCE", 0.5)
    await _fill(server)
    async with connect(server.url, writes=False) as other, other.begin() as reading:
        await reading.execute(text("SELECT count(*) FROM violations"))
        upgrading = asyncio.create_task(schema.upgrade(server))
        await reading.execute(text("SELECT pg_sleep(0.2)"))
        await reading.execute(text("SELECT count(*) FROM offsets"))  # a circle, for half a second
        with pytest.raises(StoreBusyError, match="locked by another session"):
            await upgrading
    assert (await schema.current(server)).revision == "0001"
    monkeypatch.undo()
    await schema.upgrade(server)

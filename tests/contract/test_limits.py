"""Two at one database: time-outs of locks and statements, and upgrades at the same time.

Not covered: a SQLite file that is locked (`test_store`).
"""

import asyncio
import socket
import time

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection

import migrations
from pipeline.errors import StoreBusyError, StoreError
from pipeline.settings import DatabaseLimits
from sink import schema
from sink.database import connect, connect_reader, parse_url, translated
from sink.store import Store
from sink.tables import policies
from tests.contract.test_store import applied, checked, delivery, resource
from tests.e2e.command import TOCSIN

SHORT = DatabaseLimits(lock_timeout=0.1, statement_timeout=0.2)
LONG = DatabaseLimits(lock_timeout=60, statement_timeout=60)


@pytest.fixture
def server(database: str) -> str:
    if database.startswith("sqlite"):
        pytest.skip("a file has no time-outs but one, for its lock")
    return database


async def test_a_lock_that_somebody_else_holds_is_busy_and_may_be_tried_again(server: str) -> None:
    url = parse_url(server)
    async with connect(url, writes=True) as other, connect(url, writes=True, limits=SHORT) as engine:
        await schema.upgrade(other)
        store = Store(engine)
        async with other.begin() as connection:
            await connection.execute(text("LOCK TABLE resources"))
            with pytest.raises(StoreBusyError, match="locked by another session"):
                await store.apply(delivery([resource()]), "log")
        await store.apply(delivery([resource()]), "log")


@pytest.mark.parametrize("said_in_url", [False, True])
async def test_a_statement_that_takes_too_long_is_ended_and_the_url_has_the_last_word(
    server: str, *, said_in_url: bool
) -> None:
    options = {"options": "-c statement_timeout=200ms"} if said_in_url else {}
    url = parse_url(make_url(server).update_query_dict(options).render_as_string(hide_password=False))
    async with connect(url, writes=False, limits=LONG if said_in_url else SHORT) as engine:
        with pytest.raises(StoreError, match="took too long"), translated(url):
            async with engine.connect() as connection:
                await connection.execute(text("SELECT pg_sleep(30)"))


async def test_a_host_that_does_not_answer_is_given_up_and_the_url_says_when() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections, and says nothing
        url = parse_url(f"postgresql://tocsin@127.0.0.1:{silent.getsockname()[1]}/tocsin?connect_timeout=2")
        began = time.monotonic()
        with pytest.raises(StoreError, match="no answer in time"):
            async with connect(url, writes=False) as engine:
                await schema.current(engine)
        with pytest.raises(StoreError, match="no answer in time"), connect_reader(url) as reader:
            schema.require(reader)
    assert 3 < time.monotonic() - began < 9


async def test_upgrades_at_the_same_time_wait_for_each_other(database: str) -> None:
    command = (TOCSIN, "db", "upgrade", "--db", database)
    running = [await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE) for _ in "abc"]
    said = [(await each.communicate())[1].decode() for each in running]
    assert [each.returncode for each in running] == [0, 0, 0], said
    async with connect(parse_url(database), writes=False) as engine:
        assert (await schema.current(engine)).revision == migrations.HEAD


async def test_two_sinks_write_the_same_policies_from_two_topics_at_once(server: str) -> None:
    names = [f"p{number:04}" for number in range(1500)]
    url = parse_url(server)
    async with connect(url, writes=True) as first, connect(url, writes=True) as second:
        await schema.upgrade(first)
        one, other = Store(first), Store(second)
        for turn in range(0, 6000, 1500):
            both = (
                one.apply(delivery([applied(name) for name in names], turn), "log"),
                other.apply(delivery([checked(name) for name in reversed(names)], turn), "log"),
            )
            await asyncio.gather(*both)  # a deadlock would be an error here: nothing is tried again
    async with connect(url, writes=False) as engine, engine.connect() as connection:
        found = await connection.execute(select(policies.c.name, policies.c.file, policies.c.mode))
        assert sorted(map(tuple, found)) == [(name, "p.yaml", "enforce") for name in names]


async def _touch(connection: AsyncConnection, name: str) -> None:
    with translated(connection.engine.url):
        await connection.execute(update(policies).where(policies.c.name == name).values(file=name))


async def test_sessions_that_wait_for_each_other_are_busy_and_may_try_again(server: str) -> None:
    async with connect(parse_url(server), writes=True) as engine:
        await schema.upgrade(engine)
        await Store(engine).apply(delivery([applied("a"), applied("b")]), "log")
        began = asyncio.Barrier(2)

        async def both(first: str, second: str) -> None:
            async with engine.begin() as connection:
                await _touch(connection, first)
                await began.wait()
                await _touch(connection, second)

        ended = await asyncio.gather(both("a", "b"), both("b", "a"), return_exceptions=True)
    assert [type(each) for each in ended if each is not None] == [StoreBusyError]


async def test_a_transaction_that_another_overtook_is_busy_and_may_try_again(server: str) -> None:
    async with connect(parse_url(server), writes=True) as engine:
        await schema.upgrade(engine)
        await Store(engine).apply(delivery([applied("a")]), "log")
        async with engine.connect() as late:
            await late.execution_options(isolation_level="REPEATABLE READ")
            await late.execute(select(policies.c.name))
            async with engine.begin() as early:
                await _touch(early, "a")
            with pytest.raises(StoreBusyError, match="another session at the same time"):
                await _touch(late, "a")

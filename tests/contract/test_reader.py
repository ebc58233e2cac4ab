"""Questions to the database run in threads: what becomes of them when nobody waits any more."""

import asyncio
from threading import Event
from typing import Any

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import OperationalError

from sink.queries.reader import Reader
from tests.contract.test_violation_queries import reader as reader  # noqa: PLC0414 - a fixture

FOREVER = text("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n")


def runs_here(connection: Connection, forever: Event) -> None:
    """Run a query that never ends; the event says that the database is at it."""
    driver: Any = connection.connection.driver_connection
    if connection.dialect.name == "sqlite":
        driver.set_progress_handler(forever.set, 1000)
        connection.execute(FOREVER)
    else:
        with driver.cursor() as cursor:
            driver.add_notice_handler(lambda _: forever.set())
            cursor.execute("DO $$ BEGIN RAISE NOTICE 'here'; PERFORM pg_sleep(600); END $$")


async def test_a_question_that_nobody_waits_for_is_stopped_in_the_database(reader: Reader) -> None:
    for _ in range(2):  # the connection serves the next one
        runs, stopped = Event(), Event()

        def ask(connection: Connection, runs: Event = runs, stopped: Event = stopped) -> None:
            try:
                runs_here(connection, runs)
            except (OperationalError, psycopg.errors.QueryCanceled):
                stopped.set()
                raise

        asked = asyncio.create_task(reader.run(ask))
        assert await asyncio.to_thread(runs.wait, 20)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        assert await asyncio.to_thread(stopped.wait, 20)


async def test_two_questions_are_asked_at_the_same_time(reader: Reader) -> None:
    first, second = Event(), Event()

    def meet(_: Connection, mine: Event, other: Event) -> bool:
        mine.set()
        return other.wait(20)

    async with asyncio.TaskGroup() as group:
        one = group.create_task(reader.run(lambda connection: meet(connection, first, second)))
        two = group.create_task(reader.run(lambda connection: meet(connection, second, first)))
    assert (one.result(), two.result()) == (True, True)

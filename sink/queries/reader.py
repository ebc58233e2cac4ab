"""The database, open for reading. What is asked of it is in the modules beside this one.

Questions are plain functions on a connection and run in threads: several at the same time, and none
of them in the way of the event loop, however long it hands its rows to a writer.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from threading import Thread
from typing import Self, TypeVar

from sqlalchemy.engine import Connection, Engine

from pipeline.settings import DatabaseLimits
from sink.database import connect_reader, interrupt, parse_url, translated
from sink.schema import require

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Reader:
    """Every query raises StoreError when the database fails."""

    engine: Engine

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str, limits: DatabaseLimits | None = None) -> AsyncIterator[Self]:
        """Connect. Raises StoreError where there is no database, or none of this version."""
        with connect_reader(parse_url(url), limits) as engine:
            await _in_thread(lambda: require(engine))
            yield cls(engine)

    async def run(self, query: Callable[[Connection], T]) -> T:
        """Run a plain function on a connection of its own. Where it is cancelled, the database stops, too."""
        with translated(self.engine.url):
            connection = await _in_thread(self.engine.connect)

        def ask() -> T:
            with connection:
                return query(connection)

        asked = _in_thread(ask)
        try:
            return await asyncio.shield(asked)
        except asyncio.CancelledError:
            await _in_thread(lambda: _give_up(connection))
            await asyncio.wait([asked], timeout=_GIVE_UP_SECONDS)
            raise


_GIVE_UP_SECONDS = 1.0
"""For a query to end that was interrupted; it may be writing to whoever does not read."""


def _give_up(connection: Connection) -> None:
    with suppress(Exception):  # it may be over just now, and nobody waits for it
        interrupt(connection)


def _in_thread(work: Callable[[], T]) -> "asyncio.Future[T]":
    """Run it in a thread that keeps no process from its end, as those of an executor would."""
    done: Future[T] = Future()

    def run() -> None:
        done.set_running_or_notify_cancel()  # from now on it has an answer, wanted or not
        try:
            done.set_result(work())
        except BaseException as error:  # noqa: BLE001 - whoever waits has it
            done.set_exception(error)

    Thread(target=run, daemon=True).start()
    return asyncio.wrap_future(done)

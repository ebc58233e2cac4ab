"""The database, open for reading. What is asked of it is in the modules beside this one."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Self, TypeVar

from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncEngine

from pipeline.settings import DatabaseLimits
from sink.database import connect, parse_url, translated
from sink.schema import prepare

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Reader:
    """Every query raises StoreError when the database fails."""

    engine: AsyncEngine

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str, limits: DatabaseLimits | None = None) -> AsyncIterator[Self]:
        """Connect. Raises StoreError where there is no database, or none of this version."""
        async with connect(parse_url(url), writes=False, limits=limits) as engine:
            await prepare(engine, create=False)
            yield cls(engine)

    async def run(self, query: Callable[[Connection], T]) -> T:
        """Run a plain function on a connection, for as long as it likes.

        It waits for the database as a coroutine does, so that it may hand rows page by
        page to a writer that knows nothing of the event loop.
        """
        with translated(self.engine.url):
            connection = await self.engine.connect()
        try:
            return await connection.run_sync(query)
        finally:
            await connection.close()

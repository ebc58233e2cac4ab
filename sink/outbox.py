"""The outbox: verdicts of an embedded run for its subscribers, in the database that its rows are in.

`Store.apply` writes them in the transaction of the rows they changed: what is in one is in
the other, whatever is killed. Kafka's part, where there is no Kafka.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from datetime import datetime

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from pipeline.bus import Delivery, Record
from pipeline.codec import from_json, to_json
from pipeline.errors import StoreError
from pipeline.events import Topic, Verdict
from sink.subscribers import GONE, SubscriberStore
from sink.tables import outbox, subscribers

_LOOK_EVERY = 1.0
"""Seconds, where nobody said that there is something."""


class RewoundError(StoreError):
    """An operator put the subscriber back; it begins there."""


class Wake:
    """Says that something was written: readers wait for it, and not for their next look."""

    def __init__(self) -> None:
        self._next = asyncio.Event()

    def __call__(self) -> None:
        """Something was written."""
        self._next.set()
        self._next = asyncio.Event()

    async def wait(self, seconds: float) -> None:
        """Until something is written, or for so long."""
        try:
            async with asyncio.timeout(seconds):
                await self._next.wait()
        except TimeoutError:
            return


async def write(connection: AsyncConnection, records: Collection[Record], now: datetime) -> None:
    """Put the verdicts among records into the outbox, in their order."""
    rows = [
        {"key": record.key, "event": to_json(record.event).decode(), "recorded_at": now}
        for record in records
        if record.event is not None and isinstance(record.event.data, Verdict)
    ]
    if rows:
        await connection.execute(insert(outbox), rows)


class OutboxFeed:
    """The outbox as one subscriber reads it; see `deliverer.ports.Feed`. `seq` is the offset."""

    def __init__(self, store: SubscriberStore, name: str, wake: Wake, position: int, epoch: int) -> None:
        self._store = store
        self._name = name
        self._wake = wake
        self._position = position
        self._epoch = epoch
        self._behind = 0

    @classmethod
    @asynccontextmanager
    async def open(cls, store: SubscriberStore, name: str, wake: Wake) -> AsyncIterator["OutboxFeed"]:
        """Go on where the subscriber is. Raises StoreError for one that is not registered."""
        query = select(subscribers.c.position, subscribers.c.epoch).where(subscribers.c.name == name)
        async with store.reading() as connection:
            row = (await connection.execute(query)).one_or_none()
        if row is None:
            raise StoreError(f"subscriber {name} is not registered")
        yield cls(store, name, wake, row.position, row.epoch)

    @property
    def lag(self) -> dict[tuple[Topic, int], int]:
        """How many events there are behind what was read."""
        return {(Topic.VERDICTS, 0): self._behind}

    async def read(self, limit: int) -> Delivery:
        """See the port. Raises StoreError."""
        query = select(outbox.c.seq, outbox.c.key, outbox.c.event).where(outbox.c.seq >= self._position)
        mine = select(subscribers.c.epoch).where(subscribers.c.name == self._name)
        async with self._store.reading() as connection:
            epoch = await connection.scalar(mine)
            last = await connection.scalar(select(func.max(outbox.c.seq))) or 0
            found = (await connection.execute(query.order_by(outbox.c.seq).limit(limit))).all()
        if epoch != self._epoch:
            raise self._rewound()
        records = [
            Record(Topic.VERDICTS, row.key, from_json(row.event.encode()), offset=row.seq) for row in found
        ]
        if found:
            self._position = found[-1].seq + 1
        self._behind = max(last + 1 - self._position, 0)
        if not found:
            await self._wake.wait(_LOOK_EVERY)
            return Delivery((), {})
        return Delivery(records, {(Topic.VERDICTS, 0): self._position})

    async def commit(self, positions: Mapping[int, int]) -> None:
        """See the port. Raises StoreError."""
        for position in positions.values():
            mine = update(subscribers).where(
                subscribers.c.name == self._name, subscribers.c.epoch == self._epoch
            )
            async with self._store.writing() as connection:
                done = await connection.execute(mine.values(position=position))
            if not done.rowcount:
                raise self._rewound()

    def on_release(self, release: Callable[[], Awaitable[None]]) -> None:
        """See the port: nobody else reads as this subscriber."""

    def _rewound(self) -> RewoundError:
        return RewoundError(f"subscriber {self._name} was put back to an earlier event")


async def rewind(store: SubscriberStore, name: str, since: datetime) -> int:
    """Put a subscriber where the first event is that is not older; returns how many follow."""
    async with store.writing() as connection:
        later = outbox.c.recorded_at >= since
        first = await connection.scalar(select(func.min(outbox.c.seq)).where(later))
        last = await connection.scalar(select(func.max(outbox.c.seq))) or 0
        position = last + 1 if first is None else first
        mine = update(subscribers).where(subscribers.c.name == name)
        await connection.execute(mine.values(position=position, epoch=subscribers.c.epoch + 1))
    return last + 1 - position


async def prune(store: SubscriberStore, names: Collection[str], before: datetime) -> int:
    """Forget events that are older, and that these subscribers are past; returns how many."""
    live = select(func.min(subscribers.c.position)).where(
        subscribers.c.name.in_(names), subscribers.c.standing != GONE
    )
    async with store.writing() as connection:
        first = await connection.scalar(live)
        old = delete(outbox).where(outbox.c.recorded_at < before)
        done = await connection.execute(old if first is None else old.where(outbox.c.seq < first))
    return done.rowcount

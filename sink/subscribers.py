"""What is known of subscribers for longer than a process lives, and the events they did not get."""

from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

from sqlalchemy import Row, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from pipeline.codec import from_json, to_json
from pipeline.errors import UsageError, clip
from pipeline.events import Event, Verdict
from pipeline.settings import DatabaseLimits
from sink.database import connect, parse_url, translated
from sink.schema import prepare
from sink.tables import outbox, subscribers, undelivered

ACTIVE, PAUSED, GONE = "active", "paused", "gone"


@dataclass(frozen=True, slots=True)
class KnownSubscriber:
    """A row of `subscribers`, and how many events it did not get."""

    name: str
    standing: str
    changed_at: datetime
    undelivered: int


@dataclass(frozen=True, slots=True)
class Undelivered:
    """A row of `undelivered`."""

    subscriber: str
    event: Event
    reason: str
    status: int
    attempts: int
    first_tried_at: datetime
    given_up_at: datetime


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class SubscriberStore:
    """Every method raises StoreError when the database fails."""

    reads: AsyncEngine
    """On SQLite a transaction that only reads waits for nobody."""
    writes: AsyncEngine
    clock: Callable[[], datetime] = _now

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str, limits: DatabaseLimits, *, create: bool) -> AsyncIterator[Self]:
        """Connect, and make sure that the schema is this version's; see `sink.schema.prepare`."""
        parsed = parse_url(url)
        async with (
            connect(parsed, writes=True, limits=limits) as writes,
            connect(parsed, writes=False, limits=limits) as reads,
        ):
            await prepare(writes, create=create)
            yield cls(reads, writes)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that only reads."""
        with translated(self.reads.url):
            async with self.reads.begin() as connection:
                yield connection

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """A transaction."""
        with translated(self.writes.url):
            async with self.writes.begin() as connection:
                yield connection

    async def register(self, name: str, target: str, *, from_now: bool) -> None:
        """Know a subscriber from now on; one that is known stays where it is, and as it is.

        With another `target` than the one that was gone it is active again.
        """
        async with self.writing() as connection:
            last = await connection.scalar(select(func.max(outbox.c.seq))) if from_now else None
            row = {
                "name": name,
                "standing": ACTIVE,
                "target": target,
                "changed_at": self.clock(),
                "position": (last or 0) + 1,
                "epoch": 0,
            }
            dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
            await connection.execute(dialect.insert(subscribers).values(row).on_conflict_do_nothing())
            other = update(subscribers).where(subscribers.c.name == name, subscribers.c.target != target)
            await connection.execute(other.where(subscribers.c.standing != GONE).values(target=target))
            again = {"standing": ACTIVE, "target": target, "changed_at": self.clock()}
            await connection.execute(other.where(subscribers.c.standing == GONE).values(again))

    async def standing(self, name: str) -> str:
        """Active, paused or gone; gone for a name that nobody knows."""
        async with self.reading() as connection:
            found = await connection.scalar(select(subscribers.c.standing).where(subscribers.c.name == name))
        return found or GONE

    async def put_standing(self, name: str, standing: str) -> None:
        """Raises UsageError for a subscriber that nobody knows."""
        async with self.writing() as connection:
            change = update(subscribers).where(subscribers.c.name == name)
            done = await connection.execute(change.values(standing=standing, changed_at=self.clock()))
        if not done.rowcount:
            raise UsageError(
                f"no subscriber {clip(name)!r} was ever delivered to; see `tocsin subscribers list`"
            )

    async def known(self) -> list[KnownSubscriber]:
        """Every subscriber there ever was, by name."""
        number = (
            select(func.count())
            .where(undelivered.c.subscriber == subscribers.c.name)
            .correlate(subscribers)
            .scalar_subquery()
        )
        query = select(
            subscribers.c.name, subscribers.c.standing, subscribers.c.changed_at, number.label("number")
        )
        async with self.reading() as connection:
            rows = await connection.execute(query.order_by(subscribers.c.name))
            return [KnownSubscriber(row.name, row.standing, row.changed_at, row.number) for row in rows]

    async def keep(self, given_up: Undelivered) -> None:
        """Keep an event that was not delivered; once for each subscriber."""
        verdict = given_up.event.data
        row = {
            "subscriber": given_up.subscriber,
            "event_id": given_up.event.id,
            "type": given_up.event.type.value,
            "subject": given_up.event.subject,
            "policy": verdict.policy.name if isinstance(verdict, Verdict) else "",
            "event": to_json(given_up.event).decode(),
            "reason": given_up.reason,
            "status": given_up.status,
            "attempts": given_up.attempts,
            "first_tried_at": given_up.first_tried_at,
            "given_up_at": given_up.given_up_at,
        }
        async with self.writing() as connection:
            dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
            insert = dialect.insert(undelivered).values(row)
            changed = {name: value for name, value in row.items() if name not in {"subscriber", "event_id"}}
            keys = [undelivered.c.subscriber, undelivered.c.event_id]
            await connection.execute(insert.on_conflict_do_update(index_elements=keys, set_=changed))

    async def kept(
        self,
        subscriber: str = "",
        ids: Collection[str] = (),
        after: Undelivered | None = None,
        limit: int = 100,
    ) -> list[Undelivered]:
        """Events that were given up, in that order; `after`: the last one known."""
        order = (undelivered.c.given_up_at, undelivered.c.subscriber, undelivered.c.event_id)
        query = select(undelivered).order_by(*order).limit(limit)
        if subscriber:
            query = query.where(undelivered.c.subscriber == subscriber)
        if ids:
            query = query.where(undelivered.c.event_id.in_(ids))
        if after is not None:
            place = (after.given_up_at, after.subscriber, after.event.id)
            query = query.where(_is_after(order, place))
        async with self.reading() as connection:
            return [_undelivered(row) for row in await connection.execute(query)]

    async def forget(self, given_up: Sequence[Undelivered]) -> None:
        """They were delivered after all, or nobody wants them."""
        async with self.writing() as connection:
            for each in given_up:
                mine = undelivered.c.subscriber == each.subscriber
                await connection.execute(
                    delete(undelivered).where(mine, undelivered.c.event_id == each.event.id)
                )


def _is_after(order: Sequence[Any], place: Sequence[Any]) -> Any:
    (first, *columns), (value, *values) = order, place
    if not columns:
        return first > value
    return (first > value) | ((first == value) & _is_after(columns, values))


def _undelivered(row: Row[Any]) -> Undelivered:
    event = from_json(row.event.encode())
    return Undelivered(
        row.subscriber, event, row.reason, row.status, row.attempts, row.first_tried_at, row.given_up_at
    )

"""Deliveries, wired: lanes of subscribers on a log, with what they keep in the database."""

import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from cli.telemetry import Telemetry
from cli.wire import now
from deliverer.file import load
from deliverer.lane import Limits, Surroundings
from deliverer.observed import Observed
from deliverer.ports import Feed, Standing, Undelivered
from deliverer.sender import HttpSender
from deliverer.service import Attendance
from deliverer.subscriber import Start, Subscriber
from pipeline.errors import StoreError, UsageError
from pipeline.events import Topic
from pipeline.kafka.errors import LogAwayError
from pipeline.persistence import Backoff, Persistence
from pipeline.service import Part
from pipeline.settings import Settings
from pipeline.telemetry import catalogue
from sink import subscribers as sink
from sink.subscribers import SubscriberStore

Open = Callable[[Subscriber], AbstractAsyncContextManager[Feed]]
Lag = Callable[[], Mapping[tuple[Topic, int], int]]


def subscribers_of(settings: Settings) -> list[Subscriber]:
    """Those of the file that settings name. Raises UsageError with a line for each mistake."""
    if not settings.subscribers:
        raise UsageError("nobody to deliver to: name a file with --subscribers (or TOCSIN_SUBSCRIBERS)")
    return load(Path(settings.subscribers), os.environ)


def target_of(subscriber: Subscriber) -> str:
    """Tells one URL of a subscriber from another, and says neither."""
    return sha256(subscriber.url.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Kept:
    """`deliverer.ports.Keeps` and `Standings`, in the database."""

    store: SubscriberStore

    async def keep(self, undelivered: Undelivered) -> None:
        """See the port."""
        await self.store.keep(
            sink.Undelivered(
                subscriber=undelivered.subscriber,
                event=undelivered.event,
                reason=undelivered.reason,
                status=undelivered.status,
                attempts=undelivered.attempts,
                first_tried_at=undelivered.first_tried_at,
                given_up_at=undelivered.given_up_at,
            )
        )

    async def standing(self, subscriber: Subscriber) -> Standing:
        """See the port."""
        return Standing(await self.store.standing(subscriber.name))

    async def gone(self, subscriber: Subscriber, now: datetime) -> None:  # noqa: ARG002 - the store has a clock
        """See the port."""
        await self.store.put_standing(subscriber.name, Standing.GONE)


async def register(store: SubscriberStore, subscribers: Sequence[Subscriber]) -> None:
    """Have the database know them. Raises StoreError."""
    for subscriber in subscribers:
        from_now = subscriber.start is Start.NOW
        await store.register(subscriber.name, target_of(subscriber), from_now=from_now)


@asynccontextmanager
async def lanes(
    settings: Settings,
    subscribers: Sequence[Subscriber],
    store: SubscriberStore,
    open_feed: Open,
    telemetry: Telemetry,
) -> AsyncIterator[dict[str, Part]]:
    """A part for each subscriber, that begins again when the log or the database were away."""
    delivery, kept = settings.delivery, Kept(store)
    around = Surroundings(
        kept, kept, Observed(telemetry.metrics, now), now, Limits(delivery.events, delivery.size)
    )
    backoff = Backoff(settings.backoff_first, settings.backoff_most)
    persistence = Persistence(backoff, telemetry.health, (LogAwayError, StoreError))
    feeds: dict[str, Feed] = {}
    attended: dict[str, Attendance] = {}

    def opening(subscriber: Subscriber) -> Callable[[], AbstractAsyncContextManager[Feed]]:
        @asynccontextmanager
        async def opened() -> AsyncIterator[Feed]:
            async with open_feed(subscriber) as feed:
                feeds[subscriber.name] = feed
                try:
                    yield feed
                finally:
                    del feeds[subscriber.name]

        return opened

    async with AsyncExitStack() as stack:
        for each in subscribers:
            sends = await stack.enter_async_context(HttpSender.open(each, now))
            attended[each.name] = Attendance(each, opening(each), sends, around, delivery.poll)
        _measure(telemetry, attended, feeds)
        yield {
            f"deliver-{name}": persistence.part(f"deliver-{name}", attendance.run)
            for name, attendance in attended.items()
        }


def _measure(telemetry: Telemetry, attended: Mapping[str, Attendance], feeds: Mapping[str, Feed]) -> None:
    metrics = telemetry.metrics
    metrics.read(catalogue.WAITING, lambda: {(name,): each.waiting for name, each in attended.items()})
    metrics.read(
        catalogue.ACTIVE,
        lambda: {(name,): each.standing is Standing.ACTIVE for name, each in attended.items()},
    )
    metrics.read(
        catalogue.LAG,
        lambda: {
            (f"deliver-{name}", topic.value, str(number)): behind
            for name, feed in feeds.items()
            for (topic, number), behind in feed.lag.items()
        },
    )

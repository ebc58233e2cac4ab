"""A bus that is watched: records counted and timed, told to the log, and followed by traces.

Stages know nothing of it: they get this bus in place of the other. See `pipeline.bus`.
"""

import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from pipeline.bus import Bus, Consumer, Delivery, Publisher, Record
from pipeline.events import Topic, Verdict, observed_at
from pipeline.telemetry import catalogue
from pipeline.telemetry.metrics import Metrics
from pipeline.telemetry.narrating import narrate

_TIMED = frozenset({Topic.RESOURCES, Topic.POLICIES, Topic.VERDICTS})

_UNHANDLED = 64
"""Deliveries whose times are kept; stages have a few at once."""


class Tracer(Protocol):
    """What follows events through the stages; see `pipeline.telemetry.spans`."""

    def taken(self, records: Sequence[Record]) -> None:
        """Records arrived."""
        ...

    def published(self, records: Sequence[Record]) -> list[Record]:
        """Records are about to be published: the same, each with its context in its attributes."""
        ...

    def handled(self, group: str, records: Sequence[Record]) -> None:
        """A group is done with records; nothing follows from them that would be published."""
        ...


@dataclass(slots=True)
class ObservedPublisher:
    """Counts what was published, once the log has it."""

    publisher: Publisher
    metrics: Metrics
    narrates: bool
    """Whether the log gets a line for each record."""
    tracer: Tracer | None = None

    async def publish(self, records: Sequence[Record]) -> None:
        """See the port."""
        if self.tracer is not None:
            records = self.tracer.published(records)
        await self.publisher.publish(records)
        for topic, number in Counter(record.topic.value for record in records).items():
            self.metrics.count(catalogue.PUBLISHED, topic, by=number)
        outcomes = Counter(
            record.event.data.outcome.value
            for record in records
            if record.event is not None and isinstance(record.event.data, Verdict)
        )
        for outcome, number in outcomes.items():
            self.metrics.count(catalogue.VERDICTS, outcome, by=number)
        if self.narrates:
            for record in records:
                narrate(record)

    async def seal(self, topic: Topic) -> None:
        """See the port."""
        await self.publisher.seal(topic)


class ObservedConsumer:
    """Counts and times what was handled, once it is acknowledged.

    `clock`: the wall's, as events have it. `is_last`: nothing is published that continues its traces.
    """

    def __init__(
        self,
        consumer: Consumer,
        group: str,
        metrics: Metrics,
        clock: Callable[[], datetime],
        tracer: Tracer | None = None,
        *,
        is_last: bool = True,
    ) -> None:
        self._consumer = consumer
        self._group = group
        self._metrics = metrics
        self._clock = clock
        self._tracer = tracer
        self._is_last = is_last
        self._taken: dict[int, float] = {}

    async def receive(self, limit: int) -> Delivery:
        """See the port."""
        delivery = await self._consumer.receive(limit)
        self._taken[id(delivery)] = time.monotonic()
        if self._tracer is not None:
            self._tracer.taken(delivery.records)
        if len(self._taken) > _UNHANDLED:  # a delivery whose partition was taken away is never acknowledged
            del self._taken[next(iter(self._taken))]
        return delivery

    async def acknowledge(self, delivery: Delivery) -> None:
        """See the port."""
        await self._consumer.acknowledge(delivery)
        if self._tracer is not None and self._is_last:
            self._tracer.handled(self._group, delivery.records)
        taken = self._taken.pop(id(delivery), None)
        if taken is not None:
            self._metrics.observe(catalogue.HANDLING, self._group, value=time.monotonic() - taken)
        done = self._clock()
        for record in delivery.records:
            if record.event is not None and record.topic in _TIMED:
                age = (done - observed_at(record.event)).total_seconds()
                self._metrics.observe(catalogue.EVENT_LATENCY, self._group, record.topic.value, value=age)
        for topic, number in Counter(record.topic.value for record in delivery.records).items():
            self._metrics.count(catalogue.HANDLED, self._group, topic, by=number)


def now() -> datetime:
    """The wall's clock."""
    return datetime.now(UTC)


class ObservedBus(ObservedPublisher):
    """Both sides."""

    def __init__(self, bus: Bus, metrics: Metrics, *, narrates: bool, tracer: Tracer | None = None) -> None:
        super().__init__(bus, metrics, narrates, tracer)
        self._bus = bus

    @property
    def log_id(self) -> str:
        """See the port."""
        return self._bus.log_id

    @asynccontextmanager
    async def consume(self, group: str, topics: Sequence[Topic]) -> AsyncIterator[Consumer]:
        """See the port."""
        async with self._bus.consume(group, topics) as consumer:
            is_last = Topic.VERDICTS in topics
            yield ObservedConsumer(consumer, group, self.metrics, now, self.tracer, is_last=is_last)

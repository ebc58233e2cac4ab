"""Reading as a member of a group. See `pipeline.bus.Consumer`."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Protocol

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from aiokafka.errors import CommitFailedError, IllegalStateError

from pipeline.bus import Delivery, Record
from pipeline.events import Topic
from pipeline.kafka.connection import client_options
from pipeline.kafka.deadletters import DeadLetterShare
from pipeline.kafka.ending import ended
from pipeline.kafka.errors import translated
from pipeline.kafka.refusal import connected
from pipeline.kafka.topics import topic_name
from pipeline.kafka.wire import Message, Unreadable, dead_letter, decode
from pipeline.settings import KafkaSettings

_log = logging.getLogger(__name__)

Positions = Mapping[int, int]
"""Partition -> offset of the record to read next."""

Places = Collection[tuple[Topic, int]]
Starts = Callable[[Places], Awaitable[Mapping[tuple[Topic, int], int]]]
"""Where to begin in partitions that come; those it does not name begin at their first record."""

_POLL_MS = 200
_FETCH_MS = 50
"""How long a broker may sit on a request. The client has one at a time for each broker: a partition whose
records were just taken waits for the silence of the others, with Kafka's default up to half a second."""
_MAX_POLL_MS = 15 * 60_000
"""A database may be away for longer than Kafka's five minutes."""
_REBALANCE_MS = 30_000
"""How long the others wait for a member that is busy but alive: one that is thrown out comes back, and
everybody begins again. A dead one is not waited for: its session ends. Less than the 40 s that a client waits
for an answer."""
_HEARTBEATS = 3
"""In one session timeout, as Kafka advises."""


def consumer_options(settings: KafkaSettings) -> dict[str, Any]:
    """What all consumers have in common: only what was committed, from the beginning."""
    return {
        **client_options(settings),
        "isolation_level": "read_committed",
        "auto_offset_reset": "earliest",
        "enable_auto_commit": False,
        "fetch_max_wait_ms": _FETCH_MS,
        "max_partition_fetch_bytes": max(2**20, 2 * settings.message_bytes),
    }


def group_id(settings: KafkaSettings, group: str) -> str:
    """A group's name on the brokers."""
    return f"{settings.prefix}tocsin-{group}"


def member_options(settings: KafkaSettings, group: str) -> dict[str, Any]:
    """What members of a group need besides."""
    session = int(settings.session_timeout * 1000)
    return {
        **consumer_options(settings),
        "group_id": group_id(settings, group),
        "session_timeout_ms": session,
        "heartbeat_interval_ms": session // (_HEARTBEATS + 1),
        "rebalance_timeout_ms": max(session, _REBALANCE_MS),
        "max_poll_interval_ms": _MAX_POLL_MS,
    }


def staying() -> dict[str, Any]:
    """For members that know much of their partitions: each keeps what it has when others come or go.

    A class for each, because the client keeps in the class what a member had.
    """
    return {"partition_assignment_strategy": [type("Staying", (StickyPartitionAssignor,), {})]}


@asynccontextmanager
async def started(
    settings: KafkaSettings, options: dict[str, Any], *topics: Topic
) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer that is connected; without a group it has every partition of the topics. Raises LogError."""
    consumer = AIOKafkaConsumer(*(topic_name(settings, topic) for topic in topics), **options)
    try:
        await connected(settings, consumer.start())
        await asyncio.sleep(0)  # stopped before its tasks began, the client lets their cancellation out
        yield consumer
    finally:
        await ended(consumer.stop())


async def offsets_at_end(settings: KafkaSettings, topic: Topic) -> dict[int, int]:
    """Partition -> offset after the last record that was committed."""
    async with started(settings, consumer_options(settings), topic) as consumer:
        with translated(settings.bootstrap):
            found = await consumer.end_offsets(list(consumer.assignment()))
    return {place.partition: offset for place, offset in found.items()}


class Sends(Protocol):
    """Takes dead letters."""

    async def publish_raw(self, messages: Sequence[Message]) -> None:
        """Returns when the log has taken them."""
        ...


class Listener(ConsumerRebalanceListener):  # type: ignore[misc] # the base has no types
    """Partitions that came are paused until `receive` has found out where to begin."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer
        self.fresh: set[TopicPartition] = set()

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """What was received of them is refused by the database where somebody else has written it."""
        self.fresh.difference_update(revoked)

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Called before anything of them is fetched."""
        self.fresh = set(assigned)
        self._consumer.pause(*self.fresh)


class GroupConsumer:
    """One member of one group. Unreadable records are sent to the dead letters, and passed over."""

    def __init__(
        self,
        settings: KafkaSettings,
        consumer: AIOKafkaConsumer,
        topics: Sequence[Topic],
        sealed: Mapping[Topic, Positions],
        dead_letters: Sends,
        starts: Starts | None,
    ) -> None:
        self._settings = settings
        self._consumer = consumer
        self._topics = {topic_name(settings, topic): topic for topic in topics}
        self._sealed = sealed
        self._dead_letters = dead_letters
        self._starts = starts
        self._received: dict[tuple[Topic, int], int] = {}
        self._listener = Listener(consumer)
        self.share = DeadLetterShare(settings.deadletter_share)
        consumer.subscribe(list(self._topics), listener=self._listener)

    @property
    def assigned(self) -> list[tuple[Topic, int]]:
        """The partitions that are this member's now."""
        return [self._place(partition) for partition in self._consumer.assignment()]

    @property
    def lag(self) -> dict[tuple[Topic, int], int]:
        """How many offsets there are behind what was received, of partitions that were read from."""
        return {
            place: max(end - position, 0)
            for place, position in self._received.items()
            if (end := self._consumer.last_stable_offset(self._partition(place))) is not None
        }

    async def receive(self, limit: int) -> Delivery:
        """See the port. Raises LogError."""
        while True:
            with translated(self._settings.bootstrap):
                if self._listener.fresh:
                    await self._begin()
                found = await self._consumer.getmany(timeout_ms=_POLL_MS, max_records=limit)
                if not found and await self._ended():
                    return Delivery([], {})
            if found and (delivery := await self._read(found)).positions:
                return delivery

    async def _begin(self) -> None:
        fresh = self._listener.fresh
        starts = await self._starts([self._place(partition) for partition in fresh]) if self._starts else {}
        for partition in fresh & self._consumer.assignment():
            if self._starts:
                self._consumer.seek(partition, starts.get(self._place(partition), 0))
            self._consumer.resume(partition)
        fresh.clear()

    async def _read(self, found: Mapping[TopicPartition, Sequence[Any]]) -> Delivery:
        records: list[Record] = []
        positions: dict[tuple[Topic, int], int] = {}
        unreadable: list[Unreadable] = []
        for partition, messages in found.items():
            place = self._place(partition)
            for message in messages:
                match decode(place[0], message):
                    case Record() as record:
                        records.append(record)
                    case bad:
                        unreadable.append(bad)
            positions[place] = messages[-1].offset + 1
        self._received = {place: end for place, end in self._received.items() if place in set(self.assigned)}
        self._received.update(positions)
        await self._bury(unreadable)
        self.share.good(len(records))
        if not records:  # an empty delivery would be the end of the log
            await self.acknowledge(Delivery([], positions))
            return Delivery([], {})
        return Delivery(records, positions)

    async def _bury(self, unreadable: Sequence[Unreadable]) -> None:
        for bad in unreadable:
            _log.warning(
                "unreadable: %s/%d@%d: %s", bad.topic, bad.message.partition, bad.message.offset, bad.reason
            )
        new = [dead_letter(bad) for bad in unreadable if bad.topic is not Topic.DEADLETTERS]
        if new:
            await self._dead_letters.publish_raw(new)
        for bad in unreadable:
            self.share.bad(bad.reason)

    async def acknowledge(self, delivery: Delivery) -> None:
        """See the port. A partition that has gone meanwhile is its new owner's to acknowledge."""
        mine = self._consumer.assignment()
        offsets = {
            partition: position
            for place, position in delivery.positions.items()
            if (partition := self._partition(place)) in mine
        }
        if not offsets:
            return
        with translated(self._settings.bootstrap), suppress(CommitFailedError, IllegalStateError):
            await self._consumer.commit(offsets)

    async def _ended(self) -> bool:
        if not all(topic in self._sealed for topic in self._topics.values()):
            return False
        assigned = self._consumer.assignment()
        for partition in assigned:
            topic, number = self._place(partition)
            if await self._consumer.position(partition) < self._sealed[topic].get(number, 0):
                return False
        return bool(assigned)

    def _place(self, partition: TopicPartition) -> tuple[Topic, int]:
        return self._topics[partition.topic], partition.partition

    def _partition(self, place: tuple[Topic, int]) -> TopicPartition:
        return TopicPartition(topic_name(self._settings, place[0]), place[1])

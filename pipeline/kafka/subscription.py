"""The verdicts as one subscriber's group reads them; positions are the group's, on the brokers.

A group of its own for each subscriber, so that none waits for another; its members share
the partitions. Whoever has partitions that go is asked first (`on_release`), and reads
nothing until it knows which are its own.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.errors import CommitFailedError, IllegalStateError, UnknownMemberIdError

from pipeline.bus import Delivery, Record
from pipeline.errors import TocsinError
from pipeline.events import Topic
from pipeline.kafka.committed import committed
from pipeline.kafka.consuming import consumer_options, group_id, member_options, started
from pipeline.kafka.deadletters import DeadLetterShare
from pipeline.kafka.errors import LogAwayError, translated
from pipeline.kafka.topics import require, topic_name
from pipeline.kafka.wire import decode
from pipeline.settings import KafkaSettings

_TOPIC = Topic.VERDICTS
_POLL_MS = 200
_NOTHING = Delivery((), {})


class GroupBusyError(LogAwayError):
    """The group has members: its positions are theirs."""


class Subscription(ConsumerRebalanceListener):  # type: ignore[misc] # the base has no types
    """See `deliverer.ports.Feed`. `from_now`: where a group begins that has no position yet."""

    def __init__(
        self, settings: KafkaSettings, group: str, consumer: AIOKafkaConsumer, *, from_now: bool
    ) -> None:
        self._settings = settings
        self._group = group
        self._consumer = consumer
        self._name = topic_name(settings, _TOPIC)
        self._from_now = from_now
        self._release: Callable[[], Awaitable[None]] | None = None
        self._fresh: set[TopicPartition] = set()
        self._between = False
        self._read: dict[int, int] = {}
        self._share = DeadLetterShare(settings.deadletter_share)
        consumer.subscribe([self._name], listener=self)

    def on_release(self, release: Callable[[], Awaitable[None]]) -> None:
        """See the port."""
        self._release = release

    @property
    def is_placed(self) -> bool:
        """Whether it has partitions, each with a position that a crash would leave."""
        return bool(self._consumer.assignment()) and not self._fresh and not self._between

    @property
    def lag(self) -> dict[tuple[Topic, int], int]:
        """How many offsets there are behind what was read, by partition."""
        return {
            (_TOPIC, number): max(end - position, 0)
            for number, position in self._read.items()
            if (end := self._consumer.last_stable_offset(TopicPartition(self._name, number))) is not None
        }

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Called before anybody else may have them."""
        self._between = True
        self._fresh.clear()
        self._read.clear()
        if list(revoked) and self._release is not None:
            with suppress(TocsinError):  # what could not be committed is read again
                await self._release()

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Called before anything of them is fetched."""
        self._fresh = set(assigned)
        self._consumer.pause(*self._fresh)
        self._between = False

    async def read(self, limit: int) -> Delivery:
        """See the port. Raises LogError."""
        with translated(self._settings.bootstrap):
            if not limit:
                return await self._hold()
            if self._fresh:
                await self._begin()
            found = await self._consumer.getmany(timeout_ms=_POLL_MS, max_records=limit)
        # nothing is awaited from here on: these partitions are ours
        return _NOTHING if self._between else self._decoded(found)

    async def _hold(self) -> Delivery:
        """A member that asks for nothing for too long loses its partitions."""
        active = self._consumer.assignment() - self._consumer.paused()
        self._consumer.pause(*active)
        await self._consumer.getmany(timeout_ms=0)
        self._consumer.resume(*(active & self._consumer.assignment() - self._fresh))
        return _NOTHING

    async def _begin(self) -> None:
        """A partition without a position gets one at once: what comes after it is not missed in a crash."""
        fresh = self._fresh
        for partition, position in (await committed(self._settings, self._group, list(fresh))).items():
            with suppress(CommitFailedError, IllegalStateError):  # it has gone again
                place = position if position is not None else await self._first(partition)
                if self._fresh is not fresh or partition not in fresh:
                    continue  # what somebody else has committed meanwhile counts
                self._consumer.seek(partition, place)
                self._consumer.resume(partition)
                fresh.discard(partition)

    async def _first(self, partition: TopicPartition) -> int:
        look = self._consumer.end_offsets if self._from_now else self._consumer.beginning_offsets
        offset: int = (await look([partition]))[partition]
        await self._consumer.commit({partition: offset})
        return offset

    def _decoded(self, found: Mapping[TopicPartition, Any]) -> Delivery:
        """What cannot be read is passed over: the sink tells it."""
        records: list[Record] = []
        positions: dict[tuple[Topic, int], int] = {}
        for partition, messages in found.items():
            for message in messages:
                match decode(_TOPIC, message):
                    case Record() as record:
                        records.append(record)
                    case bad:
                        self._share.bad(bad.reason)
            positions[_TOPIC, partition.partition] = messages[-1].offset + 1
            self._read[partition.partition] = messages[-1].offset + 1
        self._share.good(len(records))
        return Delivery(records, positions)

    async def commit(self, positions: Mapping[int, int]) -> None:
        """See the port. A partition that has gone meanwhile is its new owner's to commit."""
        mine = self._consumer.assignment()
        offsets = {
            partition: position
            for number, position in positions.items()
            if (partition := TopicPartition(self._name, number)) in mine
        }
        if offsets:
            with translated(self._settings.bootstrap), suppress(CommitFailedError, IllegalStateError):
                await self._consumer.commit(offsets)


@asynccontextmanager
async def subscription(settings: KafkaSettings, name: str, *, from_now: bool) -> AsyncIterator[Subscription]:
    """Join the group of a subscriber. Raises LogError, LogAwayError while the topics are missing."""
    await require(settings)
    group = group_of(name)
    async with started(settings, member_options(settings, group)) as consumer:
        yield Subscription(settings, group, consumer, from_now=from_now)


def group_of(subscriber: str) -> str:
    """The group of a subscriber, without the prefix that all groups have."""
    return f"deliver-{subscriber}"


async def rewind(settings: KafkaSettings, name: str, milliseconds: int) -> int:
    """Put a subscriber's group where the first record is that is not older (milliseconds since 1970).

    Returns how many records of all subscribers follow. Raises GroupBusyError while the group has members.
    """
    await require(settings)
    since = await _since(settings, milliseconds)
    options = {**consumer_options(settings), "group_id": group_id(settings, group_of(name))}
    async with started(settings, options) as consumer:  # no member: it takes its partitions itself
        with translated(settings.bootstrap):
            consumer.assign(list(since))
            try:
                await consumer.commit({place: first for place, (first, _) in since.items()})
            except (UnknownMemberIdError, CommitFailedError) as error:
                busy = f"subscriber {name} is being delivered to"
                raise GroupBusyError(f"kafka {settings.bootstrap}: {busy}") from error
    return sum(end - first for first, end in since.values())


async def _since(settings: KafkaSettings, milliseconds: int) -> dict[TopicPartition, tuple[int, int]]:
    """By partition, the first offset that is not older than a time, and the end."""
    async with started(settings, consumer_options(settings), _TOPIC) as consumer:
        with translated(settings.bootstrap):
            places = list(consumer.assignment())
            ends = await consumer.end_offsets(places)
            found = await consumer.offsets_for_times(dict.fromkeys(places, milliseconds))
    return {place: (at.offset if (at := found[place]) else ends[place], ends[place]) for place in places}

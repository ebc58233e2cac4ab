"""Compacted topics from their beginning: what a service knows when it starts."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaTimeoutError

from pipeline.bus import Record
from pipeline.events import Topic
from pipeline.kafka.consuming import consumer_options, started
from pipeline.kafka.errors import translated
from pipeline.kafka.topics import topic_name
from pipeline.kafka.wire import Unreadable, decode
from pipeline.settings import KafkaSettings

Take = Callable[[Record], None]

_POLL_MS = 500
_SILENCE = 30.0
"""Seconds without a record where some are to come, after which a client has lost its way."""
_AT_ONCE = 250
"""Messages between two turns of the loop, some 10 ms: heartbeats go on meanwhile."""


async def read_topic(settings: KafkaSettings, topic: Topic, take: Take) -> None:
    """Every record of a topic up to its end as it is now. Raises LogError."""
    async with started(settings, consumer_options(settings), topic) as consumer:
        with translated(settings.bootstrap):
            ends = await consumer.end_offsets(list(consumer.assignment()))
            await _read(consumer, ends, lambda message: _tell(topic, message, take))


async def read_latest(settings: KafkaSettings, topic: Topic, take: Take, prefix: str = "") -> None:
    """The last record of each key that begins so, up to a topic's end as it is now. Raises LogError."""
    async with started(settings, consumer_options(settings), topic) as consumer:
        with translated(settings.bootstrap):
            ends = await consumer.end_offsets(list(consumer.assignment()))
            await _read_latest(consumer, topic, ends, take, prefix.encode())


async def follow_topics(
    settings: KafkaSettings, topics: Sequence[Topic], began: Callable[[], None], take: Take
) -> None:
    """Every record from now on, until cancelled. `began`: nothing is missed after it. Raises LogError."""
    named = {topic_name(settings, topic): topic for topic in topics}
    async with started(settings, consumer_options(settings), *topics) as consumer:
        with translated(settings.bootstrap):
            await consumer.seek_to_end()
            for place in consumer.assignment():
                await consumer.position(place)
            began()
            while True:
                for place, messages in (await consumer.getmany(timeout_ms=_POLL_MS)).items():
                    for message in messages:
                        record = decode(named[place.topic], message)
                        if not isinstance(record, Unreadable):
                            take(record)


async def read_partition(
    settings: KafkaSettings, topic: Topic, number: int, take: Take, until: int | None = None
) -> None:
    """The last record of each key of one partition before an offset, or up to its end. Raises LogError."""
    if until == 0:
        return
    place = TopicPartition(topic_name(settings, topic), number)
    async with started(settings, consumer_options(settings)) as consumer:
        with translated(settings.bootstrap):
            consumer.assign([place])
            ends = {place: until} if until is not None else await consumer.end_offsets([place])
            await _read_latest(consumer, topic, ends, take)


async def _read_latest(
    consumer: AIOKafkaConsumer,
    topic: Topic,
    ends: Mapping[TopicPartition, int],
    take: Take,
    prefix: bytes = b"",
) -> None:
    """Only what counts is decoded: a log that was not compacted yet says much of each key.

    What cannot be read is passed over, and its key says what it said before: that is read again.
    """
    last: dict[bytes, Any] = {}

    def keep(message: Any) -> None:
        key = message.key or b""
        if not key.startswith(prefix):
            return  # somebody else's
        last.pop(key, None)  # in the order of the log
        last[key] = message

    await _read(consumer, ends, keep)
    hidden: set[bytes] = set()
    for number, (key, message) in enumerate(last.items()):
        if not _tell(topic, message, take):
            hidden.add(key)
        if number % _AT_ONCE == 0:
            await asyncio.sleep(0)
    if hidden:
        consumer.resume(*ends)
        await _read(consumer, ends, lambda each: each.key in hidden and _tell(topic, each, take))


def _tell(topic: Topic, message: Any, take: Take) -> bool:
    """Whether it can be read. What cannot was told when it was new."""
    record = decode(topic, message)
    if isinstance(record, Unreadable):
        return False
    take(record)
    return True


async def _read(
    consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int], see: Callable[[Any], object]
) -> None:
    """Every message before these offsets, from the first. Raises KafkaTimeoutError where they stop coming."""
    now = asyncio.get_running_loop().time
    left = {place: end for place, end in ends.items() if end > 0}
    consumer.pause(*(set(ends) - set(left)))
    for place in left:
        consumer.seek(place, 0)  # without a group nobody else says where to begin
    heard = now()
    while left:
        found = await consumer.getmany(timeout_ms=_POLL_MS, max_records=_AT_ONCE)
        for place, messages in found.items():
            for message in messages:
                if message.offset < ends[place]:
                    see(message)
        if found:
            heard = now()
        elif now() - heard > _SILENCE:
            raise KafkaTimeoutError(f"no records for {_SILENCE:g} s")
        for place in list(left):
            async with asyncio.timeout(_SILENCE):
                position = await consumer.position(place)
            if position >= left[place]:
                consumer.pause(place)
                del left[place]
        await asyncio.sleep(0)  # what was fetched before comes without a wait

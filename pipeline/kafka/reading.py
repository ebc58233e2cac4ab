"""Compacted topics from their beginning: what a service knows when it starts."""

from collections.abc import Callable, Mapping, Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition

from pipeline.bus import Record
from pipeline.events import Topic
from pipeline.kafka.consuming import consumer_options, started
from pipeline.kafka.errors import translated
from pipeline.kafka.topics import topic_name
from pipeline.kafka.wire import Unreadable, decode
from pipeline.settings import KafkaSettings

Take = Callable[[Record], None]

_POLL_MS = 500


async def read_topic(settings: KafkaSettings, topic: Topic, take: Take) -> None:
    """Every record of a topic up to its end as it is now. Raises LogError."""
    async with started(settings, consumer_options(settings), topic) as consumer:
        with translated(settings.bootstrap):
            ends = await consumer.end_offsets(list(consumer.assignment()))
            await _read(consumer, topic, ends, take)


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
    """Every record of one partition before an offset, or up to its end. Raises LogError."""
    if until == 0:
        return
    place = TopicPartition(topic_name(settings, topic), number)
    async with started(settings, consumer_options(settings)) as consumer:
        with translated(settings.bootstrap):
            consumer.assign([place])
            consumer.seek(place, 0)  # without a group nobody else says where to begin
            ends = {place: until} if until is not None else await consumer.end_offsets([place])
            await _read(consumer, topic, ends, take)


async def _read(
    consumer: AIOKafkaConsumer, topic: Topic, ends: Mapping[TopicPartition, int], take: Take
) -> None:
    """What cannot be read is passed over: it was told when it was new."""
    left = {place: end for place, end in ends.items() if end > 0}
    consumer.pause(*(set(ends) - set(left)))
    while left:
        for place, messages in (await consumer.getmany(timeout_ms=_POLL_MS)).items():
            for message in messages:
                record = decode(topic, message)
                if message.offset < ends[place] and not isinstance(record, Unreadable):
                    take(record)
        for place in list(left):
            if await consumer.position(place) >= left[place]:
                consumer.pause(place)
                del left[place]

"""Everything on the log, as any reader may see it: what was committed, in order."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from pipeline.bus import Record
from pipeline.events import Topic
from pipeline.kafka.consuming import consumer_options, started
from pipeline.kafka.topics import topic_name
from pipeline.kafka.wire import Unreadable, decode
from pipeline.settings import KafkaSettings

_POLL_MS = 500


class Tail:
    """`ends`: by topic and partition, the offset after the last record."""

    def __init__(self, settings: KafkaSettings, consumer: AIOKafkaConsumer) -> None:
        self.records: list[Record] = []
        self.last: dict[tuple[Topic, str], Record] = {}
        self.ends: dict[tuple[Topic, int], int] = {}
        self.unreadable: list[str] = []
        self._consumer = consumer
        self._topics = {topic_name(settings, topic): topic for topic in Topic}

    @classmethod
    @asynccontextmanager
    async def follow(cls, settings: KafkaSettings) -> AsyncIterator[Self]:
        """From the first record on."""
        async with started(settings, consumer_options(settings), *Topic) as consumer:
            yield cls(settings, consumer)

    async def advance(self) -> bool:
        """Read what has come; waits a little where nothing has. Returns whether something had."""
        found = await self._consumer.getmany(timeout_ms=_POLL_MS)
        for place, messages in found.items():
            topic = self._topics[place.topic]
            for message in messages:
                match decode(topic, message):
                    case Unreadable(reason=reason):
                        self.unreadable.append(f"unreadable: {topic}/{place.partition}: {reason}")
                    case record:
                        self.records.append(record)
                        self.last[topic, record.key] = record
            self.ends[topic, place.partition] = messages[-1].offset + 1
        return bool(found)

    async def to_end(self) -> None:
        """Read all there is now."""
        while True:
            try:
                ends = await self._consumer.end_offsets(list(self._consumer.assignment()))
                break
            except KafkaError:  # the broker is coming back
                await self.advance()
        for place, end in ends.items():
            while await self._consumer.position(place) < end:
                await self.advance()

    def of(self, topic: Topic) -> list[Record]:
        """The records of one topic; those of one key are in their order."""
        return [record for record in self.records if record.topic is topic]

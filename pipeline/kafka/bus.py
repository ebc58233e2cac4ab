"""The bus on Kafka. See `pipeline.bus`.

Differences to the port: Kafka holds what a group has not read yet, so that
`publish` never waits for readers; and only this process knows what it has sealed.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Self

from pipeline.bus import Record
from pipeline.events import Topic
from pipeline.kafka.consuming import GroupConsumer, Positions, Starts, member_options, offsets_at_end, started
from pipeline.kafka.errors import translated
from pipeline.kafka.producing import Producer
from pipeline.kafka.topics import admin, require
from pipeline.settings import KafkaSettings


class KafkaBus:
    """See `pipeline.bus.Bus`."""

    def __init__(self, settings: KafkaSettings, producer: Producer, log_id: str) -> None:
        self.log_id = log_id
        self._settings = settings
        self._producer = producer
        self._sealed: dict[Topic, Positions] = {}
        """Up to where each topic goes that was sealed here."""

    @classmethod
    @asynccontextmanager
    async def connect(cls, settings: KafkaSettings) -> AsyncIterator[Self]:
        """Connect, and make sure that the topics can be used. Raises LogError."""
        await require(settings)
        async with admin(settings) as client:
            with translated(settings.bootstrap):
                cluster = (await client.describe_cluster())["cluster_id"]
        async with Producer.started(settings) as producer:
            yield cls(settings, producer, f"kafka:{cluster}:{settings.prefix}")

    async def publish(self, records: Sequence[Record]) -> None:
        """See the port. Raises ValueError for a topic that was sealed here, LogError when brokers refuse."""
        for record in records:
            if record.topic in self._sealed:
                raise ValueError(f"{record.topic} is sealed: no record can follow")
        await self._producer.publish(records)

    async def seal(self, topic: Topic) -> None:
        """See the port: consumers of this process find an end."""
        self._sealed[topic] = await offsets_at_end(self._settings, topic)

    @asynccontextmanager
    async def consume(
        self, group: str, topics: Sequence[Topic], starts: Starts | None = None
    ) -> AsyncIterator[GroupConsumer]:
        """See the port. `starts`: where to begin in partitions that come; else where the group was."""
        async with started(self._settings, member_options(self._settings, group)) as consumer:
            yield GroupConsumer(self._settings, consumer, topics, self._sealed, self._producer, starts)

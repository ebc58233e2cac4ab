"""Publishing in batches, each record once: the idempotent producer. See `pipeline.bus.Publisher`.

An event that is larger than a broker takes is told on the dead letters instead. What
its key said before stays, as with every object that cannot be read.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaTimeoutError

from pipeline.bus import Record
from pipeline.events import Topic
from pipeline.kafka.connection import client_options
from pipeline.kafka.ending import ended
from pipeline.kafka.errors import translated
from pipeline.kafka.partitions import partitioner
from pipeline.kafka.refusal import connected
from pipeline.kafka.topics import topic_name
from pipeline.kafka.wire import Message, encode, too_large
from pipeline.settings import KafkaSettings

_log = logging.getLogger(__name__)

_BATCH = 256 * 2**10
"""Bytes of one batch: a compressed one of this size is some 30 KiB."""
_LINGER_MS = 2
"""Milliseconds to wait for a batch to fill: nobody notices, and a relist takes a tenth of the requests."""
_OVERHEAD = 1024
"""Bytes that a batch needs beyond its records."""
CODEC = "zstd"


def _now() -> datetime:
    return datetime.now(UTC)


def producer_options(settings: KafkaSettings) -> dict[str, Any]:
    """What all producers have in common."""
    return {
        **client_options(settings),
        "compression_type": CODEC,
        "partitioner": partitioner,
        "max_batch_size": max(_BATCH, settings.message_bytes + _OVERHEAD),
        "max_request_size": settings.message_bytes + _OVERHEAD,
        "linger_ms": _LINGER_MS,
    }


class Fitting:
    """Encodes records; those that are too large become dead letters, and those of the past are mended."""

    def __init__(self, settings: KafkaSettings, clock: Callable[[], datetime]) -> None:
        self._limit = settings.message_bytes
        self._clock = clock
        self._unfit: set[str] = set()

    def messages(self, record: Record) -> list[Message]:
        """What to send for a record."""
        message = encode(record)
        if message.size > self._limit and record.topic is not Topic.DEADLETTERS:
            self._unfit.add(record.key)
            _log.error("%s is too large for the log: %d bytes", record.key, message.size)
            return [encode(too_large(record, message.size, self._limit, self._clock()))]
        if record.key in self._unfit:
            self._unfit.discard(record.key)
            return [message, encode(Record(Topic.DEADLETTERS, record.key, None))]
        return [message]


class Producer:
    """`publish` returns when the brokers have everything. Only one that is `started` can be used."""

    def __init__(
        self, settings: KafkaSettings, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._settings = settings
        self._fitting = Fitting(settings, clock)
        self._producer = AIOKafkaProducer(**producer_options(settings), enable_idempotence=True)

    @classmethod
    @asynccontextmanager
    async def started(cls, settings: KafkaSettings) -> AsyncIterator[Self]:
        """Connect. Raises LogError."""
        producer = cls(settings)
        try:
            await connected(settings, producer._producer.start())
            yield producer
        finally:
            await ended(producer._producer.stop(), patience=None)

    async def publish(self, records: Sequence[Record]) -> None:
        """See the port. Waits for brokers that are away; raises LogError when they refuse."""
        with translated(self._settings.bootstrap):
            waiting = [
                await self._send(message) for record in records for message in self._fitting.messages(record)
            ]
            for sent in waiting:
                await sent

    async def publish_raw(self, messages: Sequence[Message]) -> None:
        """Send messages as they are, such as dead letters."""
        with translated(self._settings.bootstrap):
            for sent in [await self._send(message) for message in messages]:
                await sent

    async def _send(self, message: Message) -> "asyncio.Future[Any]":
        name = topic_name(self._settings, message.topic)
        while True:
            try:
                future: asyncio.Future[Any] = await self._producer.send(
                    name, message.value, message.key, headers=list(message.headers)
                )
            except KafkaTimeoutError:  # its buffer has been full for a while: the brokers are slow, or away
                _log.warning("kafka %s takes no records; still trying", self._settings.bootstrap)
            else:
                return future

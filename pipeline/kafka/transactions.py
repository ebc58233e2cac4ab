"""Verdicts and offsets of one input partition, in transactions.

The transactional id belongs to the partition, so that whoever gets the partition next
fences the one before: his next commit fails (aio-libs/aiokafka#844 is why the group's
generation cannot do that). A transaction holds everything published and acknowledged
in some 50 ms.
"""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import IllegalOperation, KafkaError

from pipeline.kafka.consuming import group_id
from pipeline.kafka.ending import ended
from pipeline.kafka.errors import PartitionLostError, reason
from pipeline.kafka.producing import producer_options
from pipeline.kafka.refusal import connected
from pipeline.kafka.topics import topic_name
from pipeline.kafka.wire import Message
from pipeline.settings import KafkaSettings

_OF_SESSION = 0.8
"""Transactions end before others may have the partition."""
_AT_ONCE = 32
"""Messages between two turns of the loop, some 5 ms: heartbeats go on meanwhile."""
_FAILURES = (KafkaError, IllegalOperation, AssertionError)
"""Once a transaction failed the client says that there is none (which is no KafkaError), or asserts it."""


class Transactions:
    """One producer. Once something failed every method raises PartitionLostError: it has to be closed."""

    def __init__(self, settings: KafkaSettings, group: str, source: TopicPartition) -> None:
        self._settings = settings
        self._group = group_id(settings, group)
        self._source = source
        self._lost = ""
        self._open = False
        self._sent: list[asyncio.Future[Any]] = []
        self._producer = AIOKafkaProducer(
            **producer_options(settings),
            transactional_id=f"{self._group}-{source.topic}-{source.partition}",
            transaction_timeout_ms=int(settings.session_timeout * 1000 * _OF_SESSION),
        )

    async def start(self) -> None:
        """Fence whoever had the partition before; his transaction is over after this. Raises LogError."""
        await connected(self._settings, self._producer.start())

    async def send(self, messages: Sequence[Message]) -> None:
        """Add messages to the transaction."""
        await self._begin()
        for number, message in enumerate(messages, start=1):
            name = topic_name(self._settings, message.topic)
            sending = self._producer.send(name, message.value, message.key, headers=list(message.headers))
            self._sent.append(await self._checked(sending))
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)

    async def commit(self, position: int | None) -> None:
        """Make all of it visible, with how far the partition has been read."""
        if position is not None:
            await self._begin()
        if not self._open:
            return
        for future in self._sent:
            await self._checked(future)
        self._sent.clear()
        if position is not None:
            offsets = {self._source: position}
            await self._checked(self._producer.send_offsets_to_transaction(offsets, self._group))
        await self._checked(self._producer.commit_transaction())
        self._open = False

    async def close(self) -> None:
        """End what is open without effect, and let go."""
        for future in self._sent:
            if not future.cancel() and not future.cancelled():
                future.exception()  # one of them was told: nobody waits for the others
        if not await ended(self._close()):
            await ended(self._producer.client.close())

    async def _close(self) -> None:
        try:
            if self._open and not self._lost:
                await self._producer.abort_transaction()
        except _FAILURES:
            pass  # the broker ends it when its time is over
        finally:
            await self._producer.stop()

    async def _begin(self) -> None:
        if not self._open:
            await self._checked(self._producer.begin_transaction())
            self._open = True

    async def _checked(self, work: Awaitable[Any]) -> Any:
        if self._lost:
            if asyncio.iscoroutine(work):
                work.close()
            raise PartitionLostError(self._lost)
        try:
            async with asyncio.timeout(self._settings.session_timeout):
                return await work
        except (*_FAILURES, TimeoutError) as error:
            # the client may wait for ever after a broker has restarted; the transaction is over by now
            why = "no answer in time" if isinstance(error, TimeoutError) else reason(error)
            self._lost = f"{self._source.topic}/{self._source.partition}: {why}"
            raise PartitionLostError(self._lost) from error

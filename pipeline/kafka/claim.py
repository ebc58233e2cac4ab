"""One partition of the resources that is this process's: what it reads, remembers and says.

A claim is consumer and publisher of one evaluator (`pipeline.bus`): resources of its
partition, policies of everybody; verdicts, in transactions with the offsets of the
resources. It outlives a rebalance after which the partition is still here (`rest`,
`confirm`), so that its state need not be built again.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from aiokafka import TopicPartition

from pipeline.bus import Delivery, Record
from pipeline.events import PolicyChecked, Topic, Verdict, is_final
from pipeline.kafka.broadcast import Broadcast
from pipeline.kafka.committed import committed
from pipeline.kafka.deadletters import DeadLetterShare
from pipeline.kafka.errors import PartitionLostError
from pipeline.kafka.partitions import partition_of
from pipeline.kafka.producing import Fitting
from pipeline.kafka.reading import Take, read_partition
from pipeline.kafka.transactions import Transactions
from pipeline.kafka.wire import Unreadable, decode, encode
from pipeline.settings import KafkaSettings
from pipeline.waivers import is_waiver_key

_log = logging.getLogger(__name__)

_COMMIT_AFTER = 0.05
"""Seconds from the first verdict of a transaction to its end: a commit costs some 10 ms."""
_APART = 0.1
"""Seconds from the end of a transaction until the next may end at once: what trickles in shares one."""
FULL = 1024
"""Records waiting after which the partition is paused."""
LOW = 256
"""Records waiting below which it goes on."""


class Claim:
    """`count`: partitions of the resources, and of the verdicts. `begin` is called when records may come."""

    def __init__(
        self,
        settings: KafkaSettings,
        group: str,
        source: TopicPartition,
        count: int,
        policies: Broadcast,
        share: DeadLetterShare,
        begin: Callable[["Claim"], None],
    ) -> None:
        self.number = source.partition
        self.position = 0
        """Where reading goes on: what is before has been handed out."""
        self.reads = False
        """Whether records of the partition are wanted."""
        self.begun = False
        self._settings = settings
        self._group = group
        self._source = source
        self._count = count
        self._policies = policies
        self._share = share
        self._begin = begin
        self._fitting = Fitting(settings, lambda: datetime.now(UTC))
        self._transactions = Transactions(settings, group, source)
        self._changed = asyncio.Event()
        self._inbox = policies.subscribe(self._changed.set)
        self._waiting: deque[tuple[int, Record | None]] = deque()
        self._handed = 0
        self._acknowledged: int | None = None
        self._committed = 0
        self._clean = True
        self._since = self._ended = 0.0
        self._lock = asyncio.Lock()
        self._dirty = asyncio.Event()
        self._settled = asyncio.Event()
        self._checks: dict[str, str] = {}
        self._gone: list[Record] = []
        self._lost: PartitionLostError | None = None

    async def open(self) -> None:
        """Fence the owner before; then find out how far he came. Raises LogError."""
        await self._transactions.start()
        found = await committed(self._settings, self._group, [self._source])
        self.position = self._handed = self._committed = found[self._source] or 0

    async def close(self) -> None:
        """Let go; what was not committed has not happened."""
        self._lost = self._lost or PartitionLostError(f"partition {self.number} was let go")
        self._policies.unsubscribe(self._inbox)
        await self._transactions.close()

    async def restore(self, take: Take) -> list[Record]:
        """Read what the owner before knew: resources, then verdicts. Returns the policies there are now."""
        await read_partition(self._settings, Topic.RESOURCES, self.number, take, self.position)

        def take_verdict(record: Record) -> None:
            if record.event is not None and isinstance(record.event.data, PolicyChecked):
                self._checks[record.key] = record.event.id
            else:
                take(record)

        await read_partition(self._settings, Topic.VERDICTS, self.number, take_verdict)
        await self._policies.complete.wait()
        self._inbox.take()
        return list(self._policies.records.values())

    # the records of the partition

    def feed(self, messages: Sequence[Any]) -> None:
        """Records that were fetched. Raises DeadLettersError."""
        for message in messages:
            record = decode(Topic.RESOURCES, message)
            if isinstance(record, Unreadable):
                _log.warning("unreadable: %s/%d@%d", Topic.RESOURCES, self.number, message.offset)
                self._share.bad(record.reason)
                self._waiting.append((message.offset, None))
            else:
                self._share.good(1)
                self._waiting.append((message.offset, record))
        self.position = messages[-1].offset + 1
        self._changed.set()

    @property
    def taken(self) -> int:
        """Where what was handed out ends, or began."""
        return self._handed

    @property
    def backlog(self) -> int:
        """Records waiting here."""
        return len(self._waiting)

    async def receive(self, limit: int) -> Delivery:
        """See `pipeline.bus.Consumer`. Policies come by themselves, and before resources. There is no end.

        Raises PartitionLostError where `confirm` found that somebody else had the partition.
        """
        if not self.begun:
            self.begun = True
            self._begin(self)
        while True:
            self._changed.clear()
            if self._lost is not None:
                raise self._lost
            if changes := self._inbox.take():
                self._gone += [
                    Record(Topic.VERDICTS, change.key, None)
                    for change in changes
                    if change.event is None and not is_waiver_key(change.key) and self._owns(change.key)
                ]
                return Delivery(changes, {})
            records: list[Record] = []
            while self._waiting and len(records) < limit:
                offset, record = self._waiting.popleft()
                self._handed = offset + 1
                if record is not None:
                    records.append(record)
            if records:
                return Delivery(records, {(Topic.RESOURCES, self.number): self._handed})
            await self._changed.wait()

    # what is said of them

    async def publish(self, records: Sequence[Record]) -> None:
        """See `pipeline.bus.Publisher`. What becomes of a policy is said by the owner of its key."""
        said = [record for record in records if self._is_to_be_said(record)]
        if not (said or self._gone):
            return
        async with self._lock:
            gone, self._gone = self._gone, []
            self._note_work()
            self._clean = False
            messages = [message for record in (*gone, *said) for message in self._fitting.messages(record)]
            messages += [
                encode(Record(record.topic, record.key, None)) for record in said if _is_last(record)
            ]
            await self._transactions.send(messages)

    async def seal(self, topic: Topic) -> None:
        """See `pipeline.bus.Publisher`: a log that is shared does not end."""

    async def acknowledge(self, delivery: Delivery) -> None:
        """Handled. Committed at once after a rest when nothing is waiting, else with what follows."""
        for position in delivery.positions.values():
            self._acknowledged = position
            self._note_work()
        self._clean = True
        all_told = bool(delivery.positions) and not self._waiting and self._acknowledged == self._handed
        rested = _now() - self._ended >= _APART
        if (all_told and rested) or (self._dirty.is_set() and _now() - self._since >= _COMMIT_AFTER):
            await self._commit()

    async def keep_committing(self) -> None:
        """Commit what is open for long enough; runs beside the evaluator. Raises PartitionLostError."""
        while True:
            await self._dirty.wait()
            await asyncio.sleep(max(0.0, self._since + _COMMIT_AFTER - _now()))
            if self._clean:
                await self._commit()
            else:
                await asyncio.sleep(_COMMIT_AFTER)

    async def _commit(self) -> None:
        async with self._lock:
            if not self._clean:
                return
            position = self._acknowledged
            self._acknowledged = None
            self._dirty.clear()
            await self._transactions.commit(position)
            self._committed = position or self._committed
            self._ended = _now()
        self._settled.set()

    # rebalances

    async def rest(self) -> None:
        """Hand nothing out any more, and wait until what was handed out is committed."""
        self.reads = False
        self._waiting.clear()
        self.position = self._handed
        while self._committed < self._handed:
            self._settled.clear()
            await self._settled.wait()

    async def confirm(self) -> None:
        """Make sure that nobody else had the partition meanwhile. Raises PartitionLostError.

        Then whoever waits in `receive` hears of it, too: no record would ever come and tell him.
        """
        try:
            await self._confirm()
        except PartitionLostError as error:
            self._lost = error
            self._changed.set()
            raise

    async def _confirm(self) -> None:
        while self._lost is None:
            async with self._lock:
                if self._clean:
                    await self._transactions.commit(self._acknowledged or self._committed)
                    return
            await asyncio.sleep(_COMMIT_AFTER)
        raise self._lost

    def _note_work(self) -> None:
        if not self._dirty.is_set():
            self._since = _now()
            self._dirty.set()

    def _owns(self, key: str) -> bool:
        mine: bool = partition_of(key.encode(), self._count) == self.number
        return mine

    def _is_to_be_said(self, record: Record) -> bool:
        if record.event is None or not isinstance(record.event.data, PolicyChecked):
            return True
        if not self._owns(record.key) or self._checks.get(record.key) == record.event.id:
            return False
        self._checks[record.key] = record.event.id
        return True


def _now() -> float:
    return asyncio.get_running_loop().time()


def _is_last(record: Record) -> bool:
    """Whether nothing can follow: then its key need not stay on the topic."""
    return record.event is not None and isinstance(record.event.data, Verdict) and is_final(record.event.data)

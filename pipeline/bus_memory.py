"""The bus in one process: a bounded queue for each group. See `pipeline.bus`.

Difference to the port: nothing survives the process, so that acknowledging
only keeps the promise of order (what was received is not delivered again).
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from pipeline.bus import Delivery, Record
from pipeline.events import Topic


class _Group:
    """Records waiting for one group, at most `capacity` of them."""

    def __init__(self, topics: frozenset[Topic], capacity: int) -> None:
        self.topics = topics
        self.capacity = capacity
        self.waiting: deque[Record] = deque()
        self.changed = asyncio.Condition()
        self.sealed: set[Topic] = set()

    @property
    def ended(self) -> bool:
        return self.topics <= self.sealed

    async def room(self) -> None:
        """Wait until one more record has a place."""
        async with self.changed:
            await self.changed.wait_for(self.has_room)

    def has_room(self) -> bool:
        """Whether a publisher may go on."""
        return len(self.waiting) < self.capacity

    async def wake(self) -> None:
        async with self.changed:
            self.changed.notify_all()

    async def take(self, limit: int) -> list[Record]:
        async with self.changed:
            await self.changed.wait_for(lambda: self.waiting or self.ended)
            records = [self.waiting.popleft() for _ in range(min(limit, len(self.waiting)))]
            self.changed.notify_all()
        return records


class _Consumer:
    def __init__(self, group: _Group) -> None:
        self._group = group

    async def receive(self, limit: int) -> Delivery:
        records = await self._group.take(limit)
        positions = {(record.topic, record.partition): record.offset + 1 for record in records}
        return Delivery(records, positions)

    async def acknowledge(self, delivery: Delivery) -> None:
        """Nothing to do: see the module's docstring."""


class MemoryBus:
    """See `pipeline.bus.Bus`. `capacity` is in records, for each group."""

    def __init__(self, capacity: int = 1024) -> None:
        self.log_id = ""
        self._capacity = capacity
        self._groups: dict[str, _Group] = {}
        self._offsets: dict[Topic, int] = {}
        self._sealed: set[Topic] = set()

    async def publish(self, records: Sequence[Record]) -> None:
        """See the port. Raises ValueError for a topic that was sealed."""
        for record in records:
            groups = [group for group in self._groups.values() if record.topic in group.topics]
            while full := [group for group in groups if not group.has_room()]:
                await self._wake()  # what was placed already may be what makes room
                await full[0].room()
            if record.topic in self._sealed:
                raise ValueError(f"{record.topic} is sealed: no record can follow")
            # offset and place at once, in every group: whoever waits for room keeps no place in
            # the order, or a later offset would be read first and this one be taken for known
            offset = self._offsets.get(record.topic, 0)
            self._offsets[record.topic] = offset + 1
            placed = Record(record.topic, record.key, record.event, offset=offset)
            for group in groups:
                group.waiting.append(placed)
        await self._wake()

    async def _wake(self) -> None:
        for group in self._groups.values():
            await group.wake()

    async def seal(self, topic: Topic) -> None:
        """See the port."""
        self._sealed.add(topic)
        for group in self._groups.values():
            group.sealed.add(topic)
            await group.wake()

    @asynccontextmanager
    async def consume(self, group: str, topics: Sequence[Topic]) -> AsyncIterator[_Consumer]:
        """See the port. A group lives as long as the bus: its members share one queue."""
        if group not in self._groups:
            self._groups[group] = _Group(frozenset(topics), self._capacity)
            self._groups[group].sealed |= self._sealed
        yield _Consumer(self._groups[group])

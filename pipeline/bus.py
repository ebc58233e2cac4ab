"""The bus: the log between the stages, as a port.

Two adapters stand behind it: `bus_memory` for one process, Kafka for many.
Both keep these promises, and one test suite holds them to it:

- **Order.** Records of one key are delivered in the order they were published.
- **At least once.** A record counts as handled when a batch at or after it was
  acknowledged; what was not acknowledged may be delivered again after a restart.
- **Groups.** Each group sees every record; inside a group each record goes to
  one consumer.
- **Back-pressure.** `publish` waits when a group is behind by more than the
  bus holds; nothing is dropped and nothing is buffered without bound.
- **End.** `seal` says that a topic gets no more records. `receive` returns an
  empty batch only when all its topics are sealed and everything before has been
  delivered. A log shared between processes is never sealed.
- **Cancellation** of `receive` loses nothing; cancellation of `publish` may
  leave a batch half published.
"""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol

from pipeline.events import Event, Topic


@dataclass(frozen=True, slots=True)
class Record:
    """An event under its key; `event` None is a tombstone: the key is gone.

    `partition` and `offset` are where it is on the log, set by the bus when it is delivered.
    """

    topic: Topic
    key: str
    event: Event | None
    partition: int = field(default=0, compare=False)
    offset: int = field(default=-1, compare=False)


@dataclass(frozen=True, slots=True)
class Delivery:
    """Records in the order of the log, and where they end.

    `positions` is, by topic and partition, the offset after the last record.
    """

    records: Sequence[Record]
    positions: dict[tuple[Topic, int], int]


class Publisher(Protocol):
    """The writing side of the bus."""

    async def publish(self, records: Sequence[Record]) -> None:
        """Append records; returns when the log has taken them."""
        ...

    async def seal(self, topic: Topic) -> None:
        """Say that this topic gets no more records from this process."""
        ...


class Consumer(Protocol):
    """The reading side of the bus, for one member of one group."""

    async def receive(self, limit: int) -> Delivery:
        """Wait for at least one record, return at most `limit`; empty at the end of the log."""
        ...

    async def acknowledge(self, delivery: Delivery) -> None:
        """Say that this delivery and all before it have been handled.

        An empty one says that what was published since the last may stand by itself.
        """
        ...


class Bus(Publisher, Protocol):
    """Both sides."""

    @property
    def log_id(self) -> str:
        """Which log this is: offsets of one log mean nothing on another.

        Empty for one that ends with its process: nobody ever goes on in it.
        """
        ...

    def consume(self, group: str, topics: Sequence[Topic]) -> AbstractAsyncContextManager[Consumer]:
        """Join a group. Records published before the first join of a group may not be seen by it."""
        ...

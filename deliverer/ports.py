"""What a lane reads from and writes to; the adapters are `pipeline.kafka.subscription` and `sink.*`."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from deliverer.answers import Answer, Permission
from deliverer.requests import Request
from deliverer.subscriber import Subscriber
from pipeline.bus import Delivery
from pipeline.events import Event, Topic

Release = Callable[[], Awaitable[None]]


class Feed(Protocol):
    """The log as one subscriber reads it."""

    @property
    def lag(self) -> Mapping[tuple[Topic, int], int]:
        """How many records there are behind what was read, by partition."""
        ...

    async def read(self, limit: int) -> Delivery:
        """At most `limit` records, or none after a moment. Reading nothing (0) keeps what is ours ours.

        Records of one partition come in the order of their offsets.
        """
        ...

    async def commit(self, positions: Mapping[int, int]) -> None:
        """Partition -> offset: everything before is done, and must not be read again after a restart."""
        ...

    def on_release(self, release: Release) -> None:
        """What to await before partitions go to somebody else; what is not committed then is read again."""
        ...


@dataclass(frozen=True, slots=True)
class Undelivered:
    """An event that a subscriber did not get, and why."""

    subscriber: str
    event: Event
    reason: str
    status: int
    """Of the last answer; 0 where there was none."""
    attempts: int
    first_tried_at: datetime
    given_up_at: datetime


class Keeps(Protocol):
    """Where those are kept: the dead letters of deliveries."""

    async def keep(self, undelivered: Undelivered) -> None:
        """Durable when it returns; once for each event of a subscriber. Raises StoreError."""
        ...


class Standing(StrEnum):
    """Whether a subscriber gets anything."""

    ACTIVE = "active"
    PAUSED = "paused"
    """By an operator."""
    GONE = "gone"
    """By its own answer, 410."""


class Standings(Protocol):
    """What is known of subscribers for longer than a process lives."""

    async def standing(self, subscriber: Subscriber) -> Standing:
        """A subscriber that is gone is active again with another URL. Raises StoreError."""
        ...

    async def gone(self, subscriber: Subscriber, now: datetime) -> None:
        """It answered 410. Raises StoreError."""
        ...


class Sends(Protocol):
    """Sends one event once. Never raises for what a subscriber does."""

    async def send(self, request: Request) -> Answer:
        """Its answer, or what was wrong instead."""
        ...

    async def ask(self) -> Permission | Answer:
        """Whether the subscriber wants anything of us, or what was wrong instead."""
        ...


class Observer(Protocol):
    """Hears what becomes of events."""

    def answered(self, subscriber: str, event: Event, answer: Answer, seconds: float) -> None:
        """One attempt is over."""
        ...

    def delivered(self, subscriber: str, event: Event) -> None:
        """For the first time, or again after a crash."""
        ...

    def gave_up(self, undelivered: Undelivered) -> None:
        """It is kept, and not tried again by itself."""
        ...

    def passed_over(self, subscriber: str, number: int) -> None:
        """Filters did not take so many."""
        ...

"""Lanes from a log in memory to real HTTP servers, and what they leave behind."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from deliverer import filters
from deliverer.answers import Answer
from deliverer.lane import Lane, Limits, Surroundings
from deliverer.ports import Release, Undelivered
from deliverer.sender import HttpSender
from deliverer.subscriber import Patience, Subscriber
from pipeline.bus import Delivery, Record
from pipeline.events import Event, Topic

SHORT = Patience(first=0.005, most=0.02, age=30.0)


def clock() -> datetime:
    return datetime.now(UTC)


@dataclass
class Log:
    """`deliverer.ports.Feed` on a list. `committed`: as a restart would find it."""

    records: Sequence[Record]
    committed: int = 0
    position: int = 0
    most_read: int = 0
    release: Release | None = None

    @property
    def lag(self) -> Mapping[tuple[Topic, int], int]:
        return {(Topic.VERDICTS, 0): len(self.records) - self.position}

    async def read(self, limit: int) -> Delivery:
        found = [each for each in self.records if each.offset >= self.position][:limit]
        if not found:
            await asyncio.sleep(0.005)
            return Delivery((), {})
        self.position = found[-1].offset + 1
        self.most_read = max(self.most_read, self.position)
        return Delivery(found, {(Topic.VERDICTS, 0): self.position})

    async def commit(self, positions: Mapping[int, int]) -> None:
        assert positions[0] >= self.committed, "a position never goes back"
        self.committed = positions[0]

    def on_release(self, release: Release) -> None:
        self.release = release


@dataclass
class Seen:
    """Keeps, standings and observer in one, in memory."""

    kept: list[Undelivered] = field(default_factory=list)
    is_gone: bool = False
    answers: list[Answer] = field(default_factory=list)
    filtered: int = 0

    async def keep(self, undelivered: Undelivered) -> None:
        self.kept.append(undelivered)

    async def standing(self, subscriber: Subscriber) -> Any:
        raise AssertionError("a lane is told who gets events, and asks nobody")

    async def gone(self, subscriber: Subscriber, now: datetime) -> None:
        self.is_gone = True

    def answered(self, subscriber: str, event: Event, answer: Answer, seconds: float) -> None:
        self.answers.append(answer)

    def delivered(self, subscriber: str, event: Event) -> None: ...

    def gave_up(self, undelivered: Undelivered) -> None: ...

    def passed_over(self, subscriber: str, number: int) -> None:
        self.filtered += number


def to(url: str, **fields: Any) -> Subscriber:
    return Subscriber(**{"name": "test", "url": url, "takes": filters.every(()), "patience": SHORT, **fields})


@dataclass
class Running:
    lane: Lane
    halt: asyncio.Event
    task: "asyncio.Task[None]"


@asynccontextmanager
async def delivering(
    subscriber: Subscriber, log: Log, seen: Seen | None = None, limits: Limits | None = None
) -> AsyncIterator[Running]:
    """A lane until the block ends; then it halts as on SIGTERM."""
    seen, halt = seen or Seen(), asyncio.Event()
    around = Surroundings(seen, seen, seen, clock, limits or Limits())
    async with HttpSender.open(subscriber, clock) as sender, asyncio.TaskGroup() as group:
        lane = Lane(subscriber, log, sender, around)
        task = group.create_task(lane.run(halt), name="lane")
        try:
            yield Running(lane, halt, task)
        finally:
            halt.set()

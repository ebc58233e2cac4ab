"""One subscriber's way: from the log to its URL, each resource's events in order, several resources at once.

Memory is bounded by `Limits`, whatever the subscriber does: a lane that is full reads no more,
and no other lane knows of it. A position is committed only when everything before it is with the
subscriber, given up and kept, or was not wanted. Events that failed wait beside the others
and hold nothing up but their own resource, and in the end the lane's bounds.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from deliverer import answers
from deliverer.backoff import is_over, pause
from deliverer.pace import Pace
from deliverer.ports import Feed, Keeps, Observer, Sends, Standings, Undelivered
from deliverer.queues import Queues, Waiting, resource_of
from deliverer.requests import request_of
from deliverer.sending import send_all
from deliverer.subscriber import Subscriber, attributes_of
from deliverer.window import Window
from pipeline.bus import Delivery
from pipeline.errors import StoreError
from pipeline.events import Verdict

_log = logging.getLogger(__name__)

_BATCH = 100
_COMMIT_EVERY = 0.5
"""Seconds: what a crash has delivered again, besides what is under way."""
_FULL_FOR = 30.0
"""Seconds after which a full lane says that it is still there."""
_RELEASE = 2.5
"""Seconds that requests under way may take before partitions go; the rest is sent again by somebody else."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Of each lane. `span`: offsets between the first event that is not done and the last that was read."""

    events: int = 1000
    size: int = 16 * 2**20
    span: int = 20_000


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What lanes share. `chance`: from 0 to 1."""

    kept: Keeps
    standings: Standings
    observer: Observer
    now: Callable[[], datetime]
    limits: Limits = Limits()
    chance: Callable[[], float] = random.random


class Lane:
    """Runs once; see the module. `rate`: requests a minute; 0 for any number."""

    def __init__(
        self, subscriber: Subscriber, feed: Feed, sends: Sends, around: Surroundings, rate: int = 0
    ) -> None:
        self._subscriber = subscriber
        self._feed = feed
        self._sends = sends
        self._around = around
        self._queues = Queues()
        self._window = Window()
        self._ready: asyncio.Queue[Waiting | None] = asyncio.Queue()  # at most one of each resource
        self._epoch = 0
        self._pace = Pace(subscriber.patience, subscriber.concurrency)
        self._pace.allow(rate)
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._flying: set[asyncio.Task[None]] = set()
        self._room = asyncio.Event()
        self._halt: asyncio.Event
        self._tasks: asyncio.TaskGroup
        feed.on_release(self.release)

    @property
    def waiting(self) -> int:
        """Events that were read and are not done."""
        return self._queues.number

    async def run(self, halt: asyncio.Event) -> None:
        """Until `halt`: then what is under way is finished and committed. Raises what the feed raises."""
        self._halt = halt
        async with asyncio.TaskGroup() as self._tasks:
            number = self._subscriber.concurrency
            workers = [self._tasks.create_task(self._work(), name=f"send-{n}") for n in range(number)]
            halting = self._tasks.create_task(self._on_halt(number), name="halt")
            committing = self._tasks.create_task(self._keep_committing(), name="commit")
            try:
                await self._read()
                await asyncio.wait(workers)
            finally:
                for timer in self._timers.values():
                    timer.cancel()
                halting.cancel()
                committing.cancel()
            await self._commit()

    async def _on_halt(self, workers: int) -> None:
        await self._halt.wait()
        self._room.set()
        for _ in range(workers):
            self._ready.put_nowait(None)

    # reading

    async def _read(self) -> None:
        while not self._halt.is_set():
            room = self._room_left()
            if room:
                self._take(await self._feed.read(min(room, _BATCH)))
                continue
            self._room.clear()
            try:
                async with asyncio.timeout(_FULL_FOR):
                    await self._room.wait()
            except TimeoutError:
                await self._feed.read(0)

    def _room_left(self) -> int:
        limits = self._around.limits
        if self._queues.size >= limits.size:
            return 0
        return max(min(limits.events - self._queues.number, limits.span - self._window.span), 0)

    def _take(self, delivery: Delivery) -> None:
        passed_over = 0
        for record in delivery.records:
            event = record.event
            if event is None or not isinstance(event.data, Verdict):
                continue
            if not self._subscriber.takes(attributes_of(event)):
                passed_over += 1
                continue
            request = request_of(event, self._subscriber)
            if request is None:
                passed_over += 1
                continue
            self._window.read(record.partition, record.offset)
            resource = resource_of(record.key)
            waiting = Waiting(record.partition, record.offset, resource, event, request, self._epoch)
            if self._queues.put(waiting):
                self._ready.put_nowait(waiting)
        for (_, partition), end in delivery.positions.items():
            self._window.read_up_to(partition, end)
        if passed_over:
            self._around.observer.passed_over(self._subscriber.name, passed_over)

    # sending

    async def _work(self) -> None:
        """Sends one event at a time."""
        while (event := await self._ready.get()) is not None and await self._may_send():
            if not self._queues.is_first(event):
                continue  # its partition went
            attempt = self._tasks.create_task(self._attempt(event), name="attempt")
            self._flying.add(attempt)
            await asyncio.wait({attempt})
            self._flying.discard(attempt)

    async def _may_send(self) -> bool:
        """Wait while the subscriber wants silence; False once everything ends."""
        loop = asyncio.get_running_loop()
        while not self._halt.is_set() and (wait := self._pace.wait(loop.time())) > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._halt.wait()
        return not self._halt.is_set()

    async def _attempt(self, event: Waiting) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        event.first_tried = event.first_tried or began
        event.attempts += 1
        answer = await send_all(self._sends, event.request)
        ended = loop.time()
        self._around.observer.answered(self._subscriber.name, event.event, answer, ended - began)
        try:
            await self._judge(event, answer, ended)
        except StoreError as error:
            _log.warning("%s: %s; trying again", self._subscriber.name, error)
            self._later(event)

    async def _judge(self, event: Waiting, answer: answers.Answer, now: float) -> None:
        match answer:
            case answers.Delivered():
                self._pace.succeeded()
                self._around.observer.delivered(self._subscriber.name, event.event)
                self._done(event)
            case answers.Gone():
                await self._around.standings.gone(self._subscriber, self._around.now())
                self._tell_gone()
                self._halt.set()
            case answers.Refused():
                self._pace.succeeded()
                await self._give_up(event, answer.reason, answer.status, now)
            case answers.Failed():
                self._pace.failed(now, answer.after, self._around.chance())
                if self._is_over(event, now):
                    await self._give_up(event, answer.reason, answer.status, now)
                else:
                    self._later(event)

    def _is_over(self, event: Waiting, now: float) -> bool:
        """Also where everything else gets through and would have to wait for this one: see `Limits.span`."""
        over = is_over(self._subscriber.patience, event.attempts, now - event.first_tried)
        return over or self._window.span >= self._around.limits.span

    async def _give_up(self, event: Waiting, reason: str, status: int, now: float) -> None:
        over = self._around.now()
        first = over - timedelta(seconds=now - event.first_tried)
        name = self._subscriber.name
        undelivered = Undelivered(name, event.event, reason, status, event.attempts, first, over)
        await self._around.kept.keep(undelivered)
        self._around.observer.gave_up(undelivered)
        self._done(event)

    def _tell_gone(self) -> None:
        name, host = self._subscriber.name, self._subscriber.host
        _log.error(
            "subscriber %s at %s answered 410 Gone: it gets nothing any more; "
            "`tocsin subscribers resume %s` or another url begins again where it was",
            *(name, host, name),
        )

    def _done(self, event: Waiting) -> None:
        if event.epoch == self._epoch:
            self._window.done(event.partition, event.offset)
        if self._queues.is_first(event) and (following := self._queues.done(event)) is not None:
            self._ready.put_nowait(following)
        self._room.set()

    def _later(self, event: Waiting) -> None:
        """Try again after a pause that only its resource waits for."""
        if not self._queues.is_first(event):
            return
        wait = pause(self._subscriber.patience, event.attempts, self._around.chance())
        loop = asyncio.get_running_loop()
        self._timers[event.resource] = loop.call_later(wait, self._again, event)

    def _again(self, event: Waiting) -> None:
        del self._timers[event.resource]
        self._ready.put_nowait(event)

    # positions

    async def _keep_committing(self) -> None:
        while True:
            await asyncio.sleep(_COMMIT_EVERY)
            await self._commit()

    async def _commit(self) -> None:
        if news := self._window.news():
            await self._feed.commit(news)
            self._window.told(news)

    async def release(self) -> None:
        """Partitions go: finish what is under way, commit. Whoever has them then reads the rest."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._queues.clear()
        if self._flying:
            _, late = await asyncio.wait(set(self._flying), timeout=_RELEASE)
            for attempt in late:
                attempt.cancel()
        await self._commit()
        self._epoch += 1
        self._window.clear()
        self._room.set()

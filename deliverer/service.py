"""One subscriber for as long as the process lives: its lane while it is active, silence while it is not."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress

from deliverer.answers import Failed, Gone, Permission, Refused
from deliverer.backoff import pause
from deliverer.lane import Lane, Surroundings
from deliverer.ports import Feed, Sends, Standing
from deliverer.subscriber import Subscriber
from pipeline.errors import StoreError

_log = logging.getLogger(__name__)

OpenFeed = Callable[[], AbstractAsyncContextManager[Feed]]
"""Joins the log as this subscriber."""


class Attendance:
    """See the module. `poll`: seconds between looks at whether the subscriber is active."""

    def __init__(
        self, subscriber: Subscriber, open_feed: OpenFeed, sends: Sends, around: Surroundings, poll: float
    ) -> None:
        self._subscriber = subscriber
        self._open_feed = open_feed
        self._sends = sends
        self._around = around
        self._poll = poll
        self._lane: Lane | None = None
        self.standing = Standing.ACTIVE

    @property
    def waiting(self) -> int:
        """Events that were read and are not done."""
        return self._lane.waiting if self._lane else 0

    async def run(self, stop: asyncio.Event, going: Callable[[], None]) -> None:
        """Until `stop`. Raises what feed and standings raise: StoreError, LogError."""
        while not stop.is_set():
            await self._look()
            if self.standing is Standing.ACTIVE:
                going()  # what a subscriber does is no reason to call the service broken
                permission = await self._permission(stop)
                if permission is not None:
                    await self._deliver(stop, permission.rate)
            else:
                going()
                await _wait(stop, self._poll)

    async def _look(self) -> None:
        standing = await self._around.standings.standing(self._subscriber)
        if standing is not self.standing:
            _log.warning("subscriber %s is %s", self._subscriber.name, standing)
        self.standing = standing

    async def _permission(self, stop: asyncio.Event) -> Permission | None:
        """Ask where the subscriber wants to be asked; again until it says yes. None where it ends before."""
        failures = 0
        while self._subscriber.origin:
            match await self._sends.ask():
                case Permission() as permission:
                    return permission
                case Gone():
                    await self._around.standings.gone(self._subscriber, self._around.now())
                    return None
                case Failed(reason=reason) | Refused(reason=reason):
                    failures += 1
                    wait = pause(self._subscriber.patience, failures, self._around.chance())
                    said = "subscriber %s: %s; asking again in %.1f s"
                    _log.warning(said, self._subscriber.name, reason, wait)
                    await _wait(stop, wait)
                case _:
                    return None
            await self._look()
            if stop.is_set() or self.standing is not Standing.ACTIVE:
                return None
        return Permission()

    async def _deliver(self, stop: asyncio.Event, rate: int) -> None:
        halt = asyncio.Event()
        async with self._open_feed() as feed:
            self._lane = Lane(self._subscriber, feed, self._sends, self._around, rate)
            async with asyncio.TaskGroup() as group:
                minding = group.create_task(self._mind(stop, halt), name="mind")
                try:
                    await self._lane.run(halt)
                finally:
                    minding.cancel()

    async def _mind(self, stop: asyncio.Event, halt: asyncio.Event) -> None:
        """Halt the lane when everything stops, or the subscriber is not active any more."""
        while not stop.is_set() and not halt.is_set():
            await _wait(stop, self._poll)
            with suppress(StoreError):  # it goes on as it was: positions need no database
                await self._look()
            if self.standing is not Standing.ACTIVE:
                break
        halt.set()


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()

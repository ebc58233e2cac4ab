"""Work that goes on although what it needs is not there, or goes away: tried again with back-off.

Each failure is one line in the log, and makes the service not ready.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from pipeline.errors import TocsinError
from pipeline.service import Part, first_error
from pipeline.telemetry.health import Health

_log = logging.getLogger(__name__)

_SETTLED = 30.0
"""Seconds of work after which a failure is the first one again."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """In seconds; doubled with each failure in a row."""

    first: float
    most: float

    def pause(self, failures: int) -> float:
        """Before the next try."""
        return min(self.most, self.first * 2.0 ** min(failures - 1, 16))


@dataclass(frozen=True, slots=True)
class Persistence:
    """How a service waits for what it needs. `temporary`: errors that may be over in a moment."""

    backoff: Backoff
    health: Health
    temporary: tuple[type[TocsinError], ...]

    def part(self, name: str, work: Callable[[asyncio.Event, Callable[[], None]], Awaitable[None]]) -> Part:
        """A part of a service. `work` takes the stop event, and what to call once it is under way."""

        async def run(stop: asyncio.Event) -> None:
            failures = 0
            loop = asyncio.get_running_loop()
            self.health.waits_for(name, "starting")
            while not stop.is_set():
                began = loop.time()
                failed: list[TocsinError] = []
                try:
                    await work(stop, lambda: self.health.has(name))
                except* self.temporary as errors:
                    failed.append(first_error(errors))
                if not failed:
                    return
                failures = 1 if loop.time() - began > _SETTLED else failures + 1
                pause = self.backoff.pause(failures)
                self.health.waits_for(name, str(failed[0]))
                _log.warning("%s; trying again in %.1f s", failed[0], pause)
                with suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), pause)

        return run

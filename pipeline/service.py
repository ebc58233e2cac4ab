"""The service loop: named parts in one TaskGroup, and an orderly end.

A part is a coroutine function that takes the stop event. Sources watch it and
stop reading; everything behind them ends by itself when the log in front of it
is sealed and drained. SIGINT and SIGTERM set the event; a second signal, or the
end of the grace period, cancels what is left. A part that fails stops the rest.
"""

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable, Iterator, Mapping

from pipeline.errors import TocsinError

Part = Callable[[asyncio.Event], Awaitable[None]]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)

_ECHO = 0.5
"""Seconds in which a signal is taken for the first one again: `timeout` and some supervisors signal a
process and then its group."""


class GraceExceededError(TocsinError):
    """Draining took longer than the grace period; what was left was cancelled."""


@contextlib.contextmanager
def stop_on_signals(stop: asyncio.Event, echo: float = _ECHO) -> Iterator[None]:
    """Set `stop` at the first SIGINT or SIGTERM, cancel the calling task at the second.

    `echo`: seconds after the first in which another is the same one.
    """
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    first: list[float] = []

    def on_signal() -> None:
        if first and loop.time() - first[0] >= echo and task is not None:
            task.cancel("second signal")
        first.append(loop.time())
        stop.set()

    for number in _SIGNALS:
        loop.add_signal_handler(number, on_signal)
    try:
        yield
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)


async def run_parts(parts: Mapping[str, Part], stop: asyncio.Event, grace: float) -> None:
    """Run all parts until each has returned.

    `grace`: seconds that parts may take to drain once `stop` is set. Raises
    GraceExceededError after it, and the first TocsinError of a failed part.
    """
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(_run(part, stop), name=name) for name, part in parts.items()]
            watchdog = group.create_task(_enforce_grace(tasks, stop, grace), name="grace")
            await asyncio.wait(tasks)
            watchdog.cancel()
    except* TocsinError as errors:
        raise first_error(errors) from errors


async def _run(part: Part, stop: asyncio.Event) -> None:
    await part(stop)


async def _enforce_grace(tasks: list[asyncio.Task[None]], stop: asyncio.Event, grace: float) -> None:
    await stop.wait()
    _, pending = await asyncio.wait(tasks, timeout=grace)
    if pending:
        names = ", ".join(sorted(task.get_name() for task in pending))
        raise GraceExceededError(f"stopped after {grace:g} s of grace; still busy: {names}")


def first_error(group: BaseExceptionGroup[TocsinError]) -> TocsinError:
    """The first error of a group, however deep groups lie in groups."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if not isinstance(error, TocsinError):  # only TocsinErrors are in this group
        raise TypeError(f"not a TocsinError: {type(error).__name__}")
    return error

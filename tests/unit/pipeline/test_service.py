"""The service loop: drains on a signal, stops the rest when a part fails, and never waits for ever."""

import asyncio
import os
import signal

import pytest

from pipeline.errors import StoreError
from pipeline.service import GraceExceededError, run_parts, stop_on_signals


async def test_parts_run_until_each_has_returned() -> None:
    done: list[str] = []

    async def part(_: asyncio.Event) -> None:
        done.append("done")

    await run_parts({"a": part, "b": part}, asyncio.Event(), grace=1)
    assert done == ["done", "done"]


async def test_sigterm_lets_parts_finish_what_they_hold() -> None:
    stop = asyncio.Event()
    told: list[str] = []

    async def source(stop: asyncio.Event) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        await stop.wait()
        told.append("drained")

    with stop_on_signals(stop):
        await run_parts({"source": source}, stop, grace=5)
    assert told == ["drained"]


async def test_a_second_signal_cancels() -> None:
    stop = asyncio.Event()

    async def stubborn(stop: asyncio.Event) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        await stop.wait()
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.Event().wait()

    async def main() -> None:
        with stop_on_signals(stop, echo=0):
            await run_parts({"stubborn": stubborn}, stop, grace=60)

    with pytest.raises(asyncio.CancelledError):
        await asyncio.create_task(main())


async def test_the_echo_of_a_signal_cancels_nothing() -> None:
    stop = asyncio.Event()
    told: list[str] = []

    async def source(stop: asyncio.Event) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)
        await stop.wait()
        await asyncio.to_thread(told.append, "drained")

    with stop_on_signals(stop, echo=60):
        await run_parts({"source": source}, stop, grace=5)
    assert told == ["drained"]


async def test_a_part_that_fails_stops_the_others() -> None:
    async def waits(stop: asyncio.Event) -> None:
        await stop.wait()

    async def fails(_: asyncio.Event) -> None:
        raise StoreError("the database is gone")

    with pytest.raises(StoreError, match="gone"):
        await run_parts({"waits": waits, "fails": fails}, asyncio.Event(), grace=1)


async def test_draining_for_longer_than_the_grace_period_is_cut() -> None:
    stop = asyncio.Event()
    stop.set()

    async def never(_: asyncio.Event) -> None:
        await asyncio.Event().wait()

    with pytest.raises(GraceExceededError, match="never"):
        await run_parts({"never": never}, stop, grace=0.01)

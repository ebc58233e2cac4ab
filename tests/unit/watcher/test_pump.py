"""From a blocking iterator to the event loop: batches, errors, and an end at any moment.

Each test waits for what it expects; none for time to pass.
"""

import asyncio
import threading
from collections.abc import Iterator

import pytest

from watcher.pump import Pump


async def _all(pump: Pump[int], stop: asyncio.Event) -> list[list[int]]:
    batches: list[list[int]] = []
    async with asyncio.timeout(20):
        while batch := await pump.next(stop):
            batches.append(batch)
    pump.close()
    return batches


@pytest.mark.parametrize(("count", "sizes"), [(0, []), (1, [1]), (3, [3]), (4, [3, 1]), (9, [3, 3, 3])])
async def test_everything_comes_in_order_and_in_batches(count: int, sizes: list[int]) -> None:
    batches = await _all(Pump(iter(range(count)), 3), asyncio.Event())
    assert [len(batch) for batch in batches] == sizes
    assert [item for batch in batches for item in batch] == list(range(count))


async def test_what_the_iterator_raises_is_raised_after_the_batches_before_it() -> None:
    def failing() -> Iterator[int]:
        yield from range(3)
        raise OSError("disk")

    pump, stop = Pump(failing(), 3), asyncio.Event()
    assert await pump.next(stop) == [0, 1, 2]
    with pytest.raises(OSError, match="disk"):
        await pump.next(stop)
    pump.close()


async def test_stop_ends_the_waiting_for_an_iterator_that_gives_nothing() -> None:
    released = threading.Event()

    def waiting() -> Iterator[int]:
        yield 1
        released.wait()

    pump, stop = Pump(waiting(), 1), asyncio.Event()
    assert await pump.next(stop) == [1]
    asyncio.get_running_loop().call_soon(stop.set)
    async with asyncio.timeout(20):
        assert await pump.next(stop) == []
    pump.close()
    released.set()


async def test_the_iterator_is_not_read_far_ahead_and_not_at_all_after_the_close() -> None:
    taken, ended = [], threading.Event()

    def endless() -> Iterator[int]:
        try:
            while True:
                taken.append(1)
                yield 1
        finally:
            ended.set()

    source = endless()
    pump, stop = Pump(source, 10), asyncio.Event()
    for _ in range(5):
        assert len(await pump.next(stop)) == 10
        assert len(taken) <= 10 * (5 + 3)
    pump.close()
    del source, pump
    assert await asyncio.to_thread(ended.wait, 20)

"""From a blocking iterator to the event loop, in batches, through a thread that never holds up the exit.

The thread is a daemon: one that waits for standard input, which nobody can wake,
is left behind when the process ends. It is never more than two batches ahead.
"""

import asyncio
import contextlib
import threading
from collections.abc import Generator, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")

_AHEAD = 2


class Pump(Generic[T]):
    """Batches of an iterator. Create it in the event loop, `close` it when done."""

    def __init__(self, items: Iterator[T], size: int) -> None:
        self._items = items
        self._size = size
        self._loop = asyncio.get_running_loop()
        self._batches: asyncio.Queue[list[T] | BaseException | None] = asyncio.Queue()
        self._free = threading.Semaphore(_AHEAD)
        self._closed = threading.Event()
        threading.Thread(target=self._run, name="manifest reader", daemon=True).start()

    async def next(self, stop: asyncio.Event) -> list[T]:
        """The next batch; empty at the end, and as soon as `stop` is set. Raises what the iterator raised."""
        getting = asyncio.ensure_future(self._batches.get())
        stopping = asyncio.ensure_future(stop.wait())
        try:
            await asyncio.wait({getting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            getting.cancel()
            stopping.cancel()
            await asyncio.wait({getting, stopping})
        if stop.is_set() or getting.cancelled():
            return []
        batch = getting.result()
        self._free.release()
        if isinstance(batch, BaseException):
            raise batch
        return batch or []

    def close(self) -> None:
        """Tell the thread that nobody waits for more."""
        self._closed.set()
        self._free.release()

    def _run(self) -> None:
        try:
            self._read()
        finally:
            if isinstance(self._items, Generator):  # it may hold files, or a process
                self._items.close()

    def _read(self) -> None:
        last: BaseException | None = None
        try:
            batch: list[T] = []
            for item in self._items:
                batch.append(item)
                if len(batch) >= self._size:
                    if not self._hand_over(batch):
                        return
                    batch = []
            if batch and not self._hand_over(batch):
                return
        except Exception as error:  # noqa: BLE001 - raised again in the event loop, by `next`
            last = error
        self._hand_over(last)

    def _hand_over(self, batch: list[T] | BaseException | None) -> bool:
        """Wait for room, then pass on; False when nobody wants it any more."""
        self._free.acquire()
        if self._closed.is_set():
            return False
        with contextlib.suppress(RuntimeError):  # the loop is closed: the process ends
            self._loop.call_soon_threadsafe(self._batches.put_nowait, batch)
            return True
        return False

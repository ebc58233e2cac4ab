"""A network between a client and a server on this machine, that can be made a bad one.

Bytes only: TLS goes through it. It runs in a thread of its own, so that a test may block.
"""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

_CHUNK = 1 << 14


@dataclass(eq=False)
class _Connection:
    """One connection, both ways."""

    near: asyncio.StreamWriter
    far: asyncio.StreamWriter
    flowing: asyncio.Event
    left: int | None = None
    """Bytes to the client until it is cut."""

    def cut(self) -> None:
        self.near.transport.abort()
        self.far.transport.abort()
        self.flowing.set()


class Proxy:
    """See the module. `port`: where it listens."""

    def __init__(self, target: int) -> None:
        self.port = 0
        self._target = target
        self._loop = asyncio.new_event_loop()
        self._connections: set[_Connection] = set()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._refusing = False
        self._stop = asyncio.Event()
        self._listening = threading.Event()

    def cut(self) -> None:
        """Every connection ends, now and not in order."""
        self._each(_Connection.cut)

    def refuse(self, *, refusing: bool) -> None:
        """Let nobody in any more, or again."""

        def change() -> None:
            self._refusing = refusing
            if refusing:
                for each in list(self._connections):
                    each.cut()

        self._do(change)

    def swallow(self) -> None:
        """Over the connections there are nothing comes any more, and they do not end: half-open."""
        self._each(lambda each: each.flowing.clear())

    def truncate(self, size: int) -> None:
        """The connections there are give so many bytes more, then are cut."""

        def change(each: _Connection) -> None:
            each.left = size

        self._each(change)

    def _each(self, change: Callable[[_Connection], None]) -> None:
        def run() -> None:
            for each in list(self._connections):
                change(each)

        self._do(run)

    def _do(self, change: Callable[[], None]) -> None:
        done = threading.Event()

        def run() -> None:
            change()
            done.set()

        self._loop.call_soon_threadsafe(run)
        done.wait(10)

    def run(self) -> None:
        """The thread's work, until `stop`."""
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    def wait_until_listening(self) -> None:
        self._listening.wait(10)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._listening.set()
        await self._stop.wait()
        server.close()
        while self._tasks:
            for each in list(self._connections):
                each.cut()
            await asyncio.wait(self._tasks, timeout=0.1)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            if self._refusing:
                raise ConnectionRefusedError
            far_reader, far = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        flowing = asyncio.Event()
        flowing.set()
        connection = _Connection(writer, far, flowing)
        self._connections.add(connection)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_upwards(connection, reader))
                group.create_task(_downwards(connection, far_reader))
        finally:
            self._connections.discard(connection)
            connection.cut()


async def _upwards(connection: _Connection, reader: asyncio.StreamReader) -> None:
    with suppress(OSError):
        while chunk := await reader.read(_CHUNK):
            connection.far.write(chunk)
            await connection.far.drain()
    connection.cut()


async def _downwards(connection: _Connection, reader: asyncio.StreamReader) -> None:
    with suppress(OSError):
        while chunk := await reader.read(_CHUNK):
            await connection.flowing.wait()
            if connection.left is not None:
                chunk = chunk[: connection.left]
                connection.left -= len(chunk)
            connection.near.write(chunk)
            await connection.near.drain()
            if connection.left == 0:
                connection.near.close()  # in order: the client reads what there is, then the end
                await connection.near.wait_closed()
                break
    connection.cut()


@contextmanager
def proxying(target: int) -> Iterator[Proxy]:
    """A proxy for as long as the block runs."""
    proxy = Proxy(target)
    thread = threading.Thread(target=proxy.run, name="proxy")
    thread.start()
    try:
        proxy.wait_until_listening()
        yield proxy
    finally:
        proxy.stop()
        thread.join(10)

"""A subscriber as fast as Python makes one: answers 204 to every request, counts, and knows when.

Only what the deliverer sends is understood: requests with a Content-Length.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import cast

_LENGTH = re.compile(rb"(?i)\r\ncontent-length: (\d+)\r\n")
_ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"


@dataclass
class Counter:
    """Of one subscriber. Times are of `time.monotonic`."""

    port: int = 0
    wanted: int = 0
    number: int = 0
    first: float = 0.0
    last: float = 0.0
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    all_there: asyncio.Event = field(default_factory=asyncio.Event)

    def expect(self, number: int) -> None:
        """Begin to count."""
        self.wanted, self.number, self.first = number, 0, 0.0
        self.all_there.clear()

    def take(self) -> None:
        """A request came."""
        self.last = time.monotonic()
        self.first = self.first or self.last
        self.begun.set()
        self.number += 1
        if self.number >= self.wanted:
            self.all_there.set()


class _Connection(asyncio.Protocol):
    def __init__(self, counter: Counter) -> None:
        self._counter = counter
        self._waiting = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._waiting += data
        while (end := self._waiting.find(b"\r\n\r\n")) >= 0:
            found = _LENGTH.search(self._waiting, 0, end + 2)
            whole = end + 4 + int(found[1] if found else 0)
            if len(self._waiting) < whole:
                return
            self._waiting = self._waiting[whole:]
            self._counter.take()
            self._transport.write(_ANSWER)


@asynccontextmanager
async def counting(number: int) -> AsyncIterator[list[Counter]]:
    """So many subscribers, each on a port of its own."""
    counters = [Counter() for _ in range(number)]
    loop = asyncio.get_running_loop()
    servers = []
    try:
        for counter in counters:
            server = await loop.create_server(partial(_Connection, counter), "127.0.0.1", 0)
            counter.port = server.sockets[0].getsockname()[1]
            servers.append(server)
        yield counters
    finally:
        for server in servers:
            server.close()

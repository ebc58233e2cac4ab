"""Verdict events of a running `tocsin run`, to whoever connects: a unix socket.

One CloudEvent a line, in the JSON format. A reader that is too slow is let go,
so that it delays nobody; it sees events from the moment it connects.
"""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from pipeline.bus import Consumer
from pipeline.codec import to_json
from pipeline.errors import TocsinError, UsageError
from pipeline.events import Topic

TOPICS = (Topic.VERDICTS, Topic.POLICIES, Topic.DEADLETTERS)
_BATCH = 256
_BEHIND = 8 << 20
"""Bytes that a reader may be behind."""
_GREETING = b"\n"
"""Sent first: from here on the reader misses nothing."""


class EventStream:
    """The serving side; `serve` runs as a part of the service."""

    def __init__(self) -> None:
        self._readers: set[asyncio.StreamWriter] = set()

    async def serve(self, consumer: Consumer) -> None:
        """Send each event to every reader, to the end of the log."""
        while (delivery := await consumer.receive(_BATCH)).records:
            if self._readers:
                events = (record.event for record in delivery.records if record.event)
                self._send(b"".join(to_json(event) + b"\n" for event in events))
            await consumer.acknowledge(delivery)

    def _send(self, lines: bytes) -> None:
        for reader in list(self._readers):
            if reader.transport.get_write_buffer_size() > _BEHIND:
                self._readers.discard(reader)
                reader.transport.abort()
            elif lines:
                reader.write(lines)

    async def _connected(self, requests: asyncio.StreamReader, reader: asyncio.StreamWriter) -> None:
        self._readers.add(reader)
        reader.write(_GREETING)
        try:
            await requests.read()  # nothing is expected: this ends when the reader goes away
        except ConnectionError:
            pass
        finally:
            self._readers.discard(reader)
            reader.close()

    @asynccontextmanager
    async def listening(self, path: Path) -> AsyncIterator[None]:
        """Listen on a socket that only this user can open. Raises UsageError when another run has it."""
        if await _is_served(path):
            raise UsageError(
                f"another `tocsin run` serves events at {path}: give this one its own TOCSIN_EVENTS_SOCKET"
            )
        try:
            _make_room(path)
            before = os.umask(0o177)
            try:
                server = await asyncio.start_unix_server(self._connected, path)
            finally:
                os.umask(before)
        except OSError as error:
            raise UsageError(f"cannot serve events at {path}: {error.strerror or error}") from error
        try:
            yield
        finally:
            server.close()
            for reader in list(self._readers):
                with contextlib.suppress(ConnectionError):
                    await reader.drain()
                reader.close()
            _remove(path)


def _make_room(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove(path)


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)


@asynccontextmanager
async def follow(path: Path) -> AsyncIterator[AsyncIterator[bytes]]:
    """The events of a running `tocsin run` from now on, line by line, until it ends. Raises TocsinError."""
    try:
        lines, requests = await asyncio.open_unix_connection(path, limit=_BEHIND)
    except OSError as error:
        raise TocsinError(
            f"no events at {path}: is `tocsin run` running, with the same TOCSIN_EVENTS_SOCKET?"
        ) from error
    try:
        await _next_line(lines, path)
        yield _lines(lines, path)
    finally:
        requests.close()


async def _lines(lines: asyncio.StreamReader, path: Path) -> AsyncIterator[bytes]:
    while line := await _next_line(lines, path):
        yield line


async def _next_line(lines: asyncio.StreamReader, path: Path) -> bytes:
    """The next event; empty at the end of the run."""
    try:
        return await lines.readline()
    except ConnectionError as error:
        raise TocsinError(f"events at {path}: too slow to follow, `tocsin run` let this reader go") from error
    except ValueError as error:
        raise TocsinError(f"events at {path}: an event is longer than {_BEHIND} bytes") from error


async def _is_served(path: Path) -> bool:
    try:
        _, requests = await asyncio.open_unix_connection(path)
    except OSError:
        return False
    requests.close()
    return True

"""A `tocsin` that goes on until it is stopped, and what it prints."""

import queue
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from tests.e2e.command import TIMEOUT, TOCSIN, environment


class Lines:
    """The lines of a stream, as they come."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.seen: list[str] = []
        self._stream = stream
        self._waiting: queue.Queue[str | None] = queue.Queue()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        for line in self._stream:
            self._waiting.put(line.decode().rstrip("\n"))
        self._waiting.put(None)

    def expect(self, *parts: str) -> str:
        """The next line with all of these in it; lines before it are passed over."""
        while (line := self._next()) is not None:
            if all(part in line for part in parts):
                return line
        raise AssertionError(f"no line with {parts}: it ended after {self.seen}")

    def rest(self) -> list[str]:
        """All lines to the end of the stream, those before it too."""
        while self._next() is not None:
            pass
        return self.seen

    def _next(self) -> str | None:
        try:
            line = self._waiting.get(timeout=TIMEOUT)
        except queue.Empty as error:
            raise AssertionError(f"no more lines came after {self.seen}") from error
        if line is not None:
            self.seen.append(line)
        return line


class Running:
    """A process with its output."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdout is not None
        assert process.stderr is not None
        self.process = process
        self.out = Lines(process.stdout)
        self.err = Lines(process.stderr)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal, wait for the end; returns the exit code."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        """Wait for the end; returns the exit code."""
        code = self.process.wait(TIMEOUT)
        self.out.rest()
        self.err.rest()
        return code


@contextmanager
def running(
    folder: Path, *arguments: str, program: str = TOCSIN, env: dict[str, str] | None = None
) -> Iterator[Running]:
    """Start a command in a folder; whatever happens, it is gone after the block."""
    with subprocess.Popen(
        [program, *arguments],
        cwd=folder,
        env={**environment(folder), **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            yield Running(process)
        finally:
            if process.poll() is None:
                process.kill()

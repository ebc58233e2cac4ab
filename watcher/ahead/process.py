"""The process that reads ahead, as its owner sees it. Blocking: for one thread."""

import contextlib
import fcntl
import select
import signal
import subprocess
import sys
from collections.abc import Sequence
from typing import IO, Self, cast

from watcher.ahead.protocol import READY, Request, read_answer, receive, request
from watcher.contents import Content

_PIPE = 2**20
"""Bytes of a pipe: a request, so that writing one seldom waits. Linux gives as much to every user."""

_PROGRAM = ("-m", "watcher.ahead.worker")


class ReaderDiedError(Exception):
    """The process is gone; the text says how."""


class ReaderProcess:
    """Started; not restarted: its owner makes a new one."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._requests = cast("IO[bytes]", process.stdin)
        self._answers = cast("IO[bytes]", process.stdout)
        self._ready = False
        for pipe in (self._requests, self._answers):
            with contextlib.suppress(OSError, AttributeError):  # not Linux, or too many pipes of this user
                fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE)

    @classmethod
    def start(cls, program: Sequence[str] = _PROGRAM) -> Self:
        """Start it. Raises OSError where the system has no room for another process."""
        return cls(
            subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-I", *program],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={},
                start_new_session=True,  # a terminal's Ctrl-C is for the owner
            )
        )

    def is_ready(self) -> bool:
        """Whether it has started, without waiting for it. Raises ReaderDiedError."""
        if not self._ready and select.select([self._answers], [], [], 0)[0]:
            self.wait()
        return self._ready

    def wait(self) -> None:
        """Wait until it has started. Raises ReaderDiedError."""
        if not self._ready:
            if self._answers.read(len(READY)) != READY:
                raise self._died()
            self._ready = True

    def ask(self, asked: Request) -> None:
        """Send a request. Of a process that died the next answer tells."""
        with contextlib.suppress(BrokenPipeError):
            self._requests.write(request(asked))
            self._requests.flush()

    def answer(self) -> list[list[Content]] | None:
        """Wait for the next answer, see `read_answer`. Raises ReaderDiedError."""
        body = receive(self._answers)
        if body is None:
            raise self._died()
        return read_answer(body)

    def _died(self) -> ReaderDiedError:
        status = self._process.wait()
        how = signal.Signals(-status).name if status < 0 else f"exit status {status}"
        return ReaderDiedError(how)

    def end(self) -> None:
        """Kill it if it runs, and wait for it."""
        self._process.kill()
        for pipe in (self._requests, self._answers):
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
        self._process.wait()

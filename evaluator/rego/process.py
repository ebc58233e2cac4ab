"""One worker process as its owner sees it: requests in, replies out, and how it died."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass

from evaluator.rego.limits import Limits
from evaluator.rego.progress import Progress, new_handle
from evaluator.rego.protocol import BrokenProtocolError, Frames, Reply, Request, frame, read_reply
from pipeline.errors import EvaluationError
from pipeline.settings import EvaluatorSettings

_CHUNK = 1 << 18


@dataclass(frozen=True, slots=True)
class Death:
    """How a process ended; `by_policy` is False where somebody else killed it."""

    reason: str
    by_policy: bool = True


class WorkerProcess:
    """A worker, started. Not restarted: its owner makes a new one."""

    def __init__(self, process: asyncio.subprocess.Process, limits: Limits, progress: Progress) -> None:
        self._process = process
        self._progress = progress
        self._answered = 0
        self._frames = Frames(limits.answer)
        # The worker's own alarm comes first; this is for one that does not even hear it.
        self._deadline = 2 * max(limits.evaluation_deadline, limits.compile_deadline) + 5
        self._fault = ""

    @classmethod
    async def start(cls, limits: Limits) -> "WorkerProcess":
        """Start a worker.

        The environment is empty and Python isolated, so that a policy has nothing to read.
        """
        handle = new_handle()
        progress = Progress(handle)
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-I",
                "-m",
                "evaluator.rego.worker",
                str(handle),
                *limits.arguments(),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env={},
                pass_fds=(handle,),
                start_new_session=True,  # a terminal's Ctrl-C is for the owner
            )
        except OSError as error:
            progress.close()
            raise EvaluationError(f"cannot start an evaluation process: {error.strerror}") from error
        finally:
            os.close(handle)
        return cls(process, limits, progress)

    def send(self, requests: Iterable[Request]) -> None:
        """Queue requests for the pipe; the caller bounds how many are unanswered."""
        if self._process.stdin is not None and not self._process.stdin.is_closing():
            self._process.stdin.write(b"".join(frame(request) for request in requests))

    async def replies(self, count: int) -> AsyncIterator[list[Reply]]:
        """Yield replies as they come, until `count` have come or the process ends."""
        stdout = self._process.stdout
        while count and stdout is not None:
            try:
                chunk = await asyncio.wait_for(stdout.read(_CHUNK), self._deadline)
            except TimeoutError:
                self._condemn("did not finish within its deadline, nor react to it")
                return
            if not chunk:
                return
            try:
                replies = [read_reply(body) for body in self._frames.feed(chunk)]
            except BrokenProtocolError as error:
                self._condemn(f"made its process misbehave, which {error}")
                return
            count -= len(replies)
            self._answered += len(replies)
            if count < 0:
                self._condemn("made its process misbehave, which sent more answers than were asked for")
                return
            yield replies

    @property
    def lost(self) -> int:
        """Of a process that died: steps it had done, or nearly, whose replies did not come."""
        return max(self._progress.begun - 1 - self._answered, 0)

    async def end(self) -> int:
        """Kill the process if it runs, and wait for it. Returns its exit status (negative: signal)."""
        self._kill()
        if self._process.stdin is not None:
            self._process.stdin.close()
        status = await self._process.wait()
        self._progress.close()
        return status

    async def died_of(self, deadline: float) -> Death:
        """Wait for a process that ended by itself, and say how. `deadline` is for the message."""
        try:
            status = await asyncio.wait_for(self._process.wait(), self._deadline)
        except TimeoutError:
            self._kill()
            status = await self._process.wait()
        if self._fault:
            return Death(self._fault)
        match -status:
            case signal.SIGALRM:
                return Death(f"did not finish within its deadline of {deadline:g} s")
            case signal.SIGKILL:
                return Death("was killed from outside, or the machine ran out of memory", by_policy=False)
            case number if number > 0:
                name = signal.Signals(number).name
                return Death(f"ended the evaluation process ({name}): out of memory or stack")
            case _:
                return Death(f"ended the evaluation process (exit status {status})")

    def _condemn(self, fault: str) -> None:
        self._fault = fault
        self._kill()

    def _kill(self) -> None:
        if self._process.returncode is None:
            self._process.kill()


def limits_of(settings: EvaluatorSettings) -> Limits:
    """A worker's limits from settings."""
    return Limits(
        settings.evaluation_deadline,
        settings.compile_deadline,
        settings.memory_limit,
        settings.answer_limit,
    )

"""One worker process as its owner sees it: requests in, replies out, and how it died."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass

from evaluator.rego.protocol import Frames, Reply, Request, frame, read_reply
from pipeline.errors import EvaluationError

_CHUNK = 1 << 18


@dataclass(frozen=True, slots=True)
class Death:
    """How a process ended; `by_policy` is False where somebody else killed it."""

    reason: str
    by_policy: bool = True


class WorkerProcess:
    """A worker, started. Not restarted: its owner makes a new one."""

    def __init__(self, process: asyncio.subprocess.Process, deadline: float) -> None:
        self._process = process
        self._frames = Frames()
        self._deadline = deadline
        self._deaf = False

    @classmethod
    async def start(cls, evaluation: float, compilation: float, memory: int) -> "WorkerProcess":
        """Start a worker with its deadlines (seconds) and memory allowance (bytes).

        The environment is empty and Python isolated, so that a policy has nothing to read.
        """
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-I",
                "-m",
                "evaluator.rego.worker",
                str(evaluation),
                str(compilation),
                str(memory),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env={},
                start_new_session=True,  # a terminal's Ctrl-C is for the owner
            )
        except OSError as error:
            raise EvaluationError(f"cannot start an evaluation process: {error.strerror}") from error
        # The worker's own alarm comes first; this is for one that does not even hear it.
        return cls(process, deadline=2 * max(evaluation, compilation) + 5)

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
                self._deaf = True
                self._kill()
                return
            if not chunk:
                return
            replies = [read_reply(body) for body in self._frames.feed(chunk)]
            count -= len(replies)
            yield replies

    async def end(self) -> int:
        """Kill the process if it runs, and wait for it. Returns its exit status (negative: signal)."""
        self._kill()
        if self._process.stdin is not None:
            self._process.stdin.close()
        return await self._process.wait()

    async def died_of(self, deadline: float) -> Death:
        """Wait for a process that ended by itself, and say how. `deadline` is for the message."""
        try:
            status = await asyncio.wait_for(self._process.wait(), self._deadline)
        except TimeoutError:
            status = await self.end()
        match -status:
            case signal.SIGALRM:
                return Death(f"did not finish within its deadline of {deadline:g} s")
            case signal.SIGKILL if self._deaf:
                return Death(f"did not finish within its deadline of {deadline:g} s, nor react to it")
            case signal.SIGKILL:
                return Death("was killed from outside, or the machine ran out of memory", by_policy=False)
            case number if number > 0:
                name = signal.Signals(number).name
                return Death(f"ended the evaluation process ({name}): out of memory or stack")
            case _:
                return Death(f"ended the evaluation process (exit status {status})")

    def _kill(self) -> None:
        if self._process.returncode is None:
            self._process.kill()

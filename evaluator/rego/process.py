"""One worker process as its owner sees it: requests in, replies out, and how it died."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Iterable

from evaluator.rego.protocol import Frames, Reply, Request, frame, read_reply
from pipeline.errors import EvaluationError

_CHUNK = 1 << 18


class WorkerProcess:
    """A worker, started. Not restarted: its owner makes a new one."""

    def __init__(self, process: asyncio.subprocess.Process, deadline: float) -> None:
        self._process = process
        self._frames = Frames()
        self._deadline = deadline

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

    async def died_of(self, deadline: float) -> str:
        """Say how a process ended by itself."""
        try:
            status = await asyncio.wait_for(self._process.wait(), self._deadline)
        except TimeoutError:
            status = await self.end()
        match -status:
            case signal.SIGALRM:
                return f"did not finish within its deadline of {deadline:g} s"
            case signal.SIGKILL:
                return "was killed: it did not react to its deadline, or the machine ran out of memory"
            case number if number > 0:
                return f"ended the evaluation process ({signal.Signals(number).name}): out of memory or stack"
            case _:
                return f"ended the evaluation process (exit status {status})"

    def _kill(self) -> None:
        if self._process.returncode is None:
            self._process.kill()

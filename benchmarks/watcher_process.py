"""`benchmarks.watched` from outside: the watcher as a process of its own, and what it says of itself."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.kube.cluster import CONTEXT

MIB = 2**20
Figures = dict[str, Any]


class Watched:
    """The watcher's process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    @asynccontextmanager
    async def started(cls, kubeconfig: Path) -> AsyncIterator["Watched"]:
        """It runs for as long as the block."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "benchmarks.watched", str(kubeconfig), CONTEXT),
            stdout=asyncio.subprocess.PIPE,
            limit=2**24,
        )
        try:
            yield cls(process)
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()

    async def figures(self) -> Figures:
        """Its next line."""
        stdout = self._process.stdout
        line = await stdout.readline() if stdout else b""
        if not line:
            sys.exit("the watcher ended by itself")
        figures: Figures = json.loads(line)
        return figures

    async def end(self) -> Figures:
        """Its last line."""
        self._process.send_signal(signal.SIGTERM)
        return await self.figures()


async def initial_list(kubeconfig: Path, size: int, what: str) -> str:
    """A row of the table: everything listed once."""
    async with Watched.started(kubeconfig) as watched:
        listed = await watched.figures()
        await watched.end()
    if listed["events"] != size:
        sys.exit(f"{size} Pods gave {listed['events']} events")
    peak, bar = listed["peak"] / MIB, 150 + size / 1024
    if peak > bar:
        sys.exit(f"{size} Pods took {peak:.0f} MiB; the bar is {bar:.0f}")
    return (
        f"| {size:,} | {what} | {listed['seconds']:.1f} | {size / listed['seconds']:,.0f} "
        f"| {listed['cpu']:.1f} | {peak:.0f} | {bar:.0f} | {listed['requests']} |"
    )

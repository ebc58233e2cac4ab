"""`make bench BENCH=watcher`: what it costs to follow a real API server, and how soon a change is told.

Writes benchmarks/results/watcher.md. The watcher is a process of its own; its log only
counts. API server and etcd run beside it on the same cores. Status updates come at
the rate that this server takes; a replayed watch of a scripted server gives the rest.
"""

import asyncio
import json
import os
import platform
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from benchmarks import pods
from benchmarks.watched import STAMP
from tests.fakes.api_server import Answer, FakeApiServer, page, refused
from tests.kube.cluster import CONTEXT, TOKEN, Cluster, running
from tests.services import kube

SIZES = (10_000, 50_000)
RATE = 2_000
"""Status updates a second that the replayed watch brings."""
SECONDS = 20
CHANGES = 500
RESULT = Path(__file__).parent / "results" / "watcher.md"
_MIB = 2**20
_WRITERS = 32
_PATH = "/api/v1/namespaces/default/pods"
_MERGE = "application/merge-patch+json"
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


async def _measure() -> AsyncIterator[str]:
    for line in _head():
        yield line
    with tempfile.TemporaryDirectory() as name, running(kube(), Path(name)) as cluster:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        connector = aiohttp.TCPConnector(limit=_WRITERS, ssl=False)
        async with aiohttp.ClientSession(cluster.url, headers=headers, connector=connector) as session:
            yield "| initial list | wall s | Pods/s | CPU s | peak MiB | bar MiB | requests |"
            yield "|---:|---:|---:|---:|---:|---:|---:|"
            there = 0
            for size in SIZES:
                await _create(session, there, size)
                there = size
                yield await _initial(cluster, size)
            yield ""
            async for line in _changes(cluster, session):
                yield line
    async for line in _replayed():
        yield line


def _head() -> list[str]:
    when = datetime.now(UTC).date().isoformat()
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    return [
        "# The watcher on an API server",
        "",
        f"{when}; {machine}; {os.getloadavg()[0]:.1f} processes wanted a core when this began, and the",
        "API server and etcd share the cores. Pods as in [scan](scan.md). Peak is resident memory of the",
        "watcher's process alone; the bar is 150 MiB and 1 KiB a Pod.",
        "",
    ]


async def _create(session: aiohttp.ClientSession, begin: int, end: int) -> None:
    bodies = islice(enumerate(pods.pods(end)), begin, end)
    await _by_many(_writes(session, bodies))


async def _by_many(work: Iterator[Callable[[], Any]]) -> None:
    async def writer() -> None:
        for each in work:
            await each()

    async with asyncio.TaskGroup() as group:
        for _ in range(_WRITERS):
            group.create_task(writer())


def _writes(session: aiohttp.ClientSession, bodies: Iterator[tuple[int, Any]]) -> Iterator[Callable[[], Any]]:
    for number, pod in bodies:
        metadata = {"name": f"pod-{number}", "labels": pod["metadata"].get("labels", {})}
        body = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod["spec"]}
        for container in body["spec"]["containers"]:  # false, and privileged: an API server says no
            container["securityContext"].pop("allowPrivilegeEscalation", None)
        yield lambda body=body: _send(session, "POST", _PATH, body)  # type: ignore[misc]


async def _send(
    session: aiohttp.ClientSession, method: str, path: str, body: Any, content_type: str = "application/json"
) -> None:
    """Write, and again while the server is too busy."""
    while True:
        async with session.request(
            method, path, data=json.dumps(body), headers={"Content-Type": content_type}
        ) as answer:
            if answer.status in {200, 201}:
                return
            if answer.status != 429:
                raise RuntimeError(f"{method} {path}: {answer.status} {(await answer.text())[:300]}")
        await asyncio.sleep(0.2)


async def _initial(cluster: Cluster, size: int) -> str:
    async with Watched.started(cluster.kubeconfig) as watched:
        listed = await watched.figures()
        await watched.end()
    if listed["events"] != size:
        sys.exit(f"{size} Pods gave {listed['events']} events")
    bar = 150 + size / 1024
    return (
        f"| {size:,} Pods | {listed['seconds']:.1f} | {size / listed['seconds']:,.0f} | {listed['cpu']:.1f} "
        f"| {listed['peak'] / _MIB:.0f} | {bar:.0f} | {listed['requests']} |"
    )


async def _changes(cluster: Cluster, session: aiohttp.ClientSession) -> AsyncIterator[str]:
    """Status updates as fast as the server takes them, then changes one by one."""
    async with Watched.started(cluster.kubeconfig) as watched:
        before = await watched.figures()
        began, done = time.monotonic(), 0

        def updates() -> Iterator[Callable[[], Any]]:
            nonlocal done
            while time.monotonic() - began < SECONDS:
                done += 1
                path, status = f"{_PATH}/pod-{done % 1000}/status", {"status": {"message": f"{done}"}}
                yield lambda path=path, body=status: _send(session, "PATCH", path, body, _MERGE)  # type: ignore[misc]

        await _by_many(updates())
        wall = time.monotonic() - began
        for number in range(CHANGES):
            annotations = {"metadata": {"annotations": {STAMP: str(time.time())}}}
            await _send(session, "PATCH", f"{_PATH}/pod-{number}", annotations, _MERGE)
        await asyncio.sleep(1)  # the last change is on its way
        after = await watched.end()
    told, cpu = after["events"] - before["events"] - CHANGES, after["cpu"] - before["cpu"]
    yield (
        f"Real server: {done / wall:,.0f} status updates a second for {wall:.0f} s, {told} events sent on for"
        f" them; CPU of the watcher {cpu:.1f} s, {cpu / wall:.0%} of a core, the {CHANGES} changes included."
    )
    delays = statistics.quantiles([1000 * each for each in after["latencies"]], n=100)
    yield (
        f"Change to event, {len(after['latencies'])} of {CHANGES} changes one by one, from before the write:"
        f" p50 {delays[49]:.1f} ms, p99 {delays[98]:.1f} ms. Requests made to the API server in all of this:"
        f" {after['requests']}."
    )
    yield ""


async def _replayed() -> AsyncIterator[str]:
    """A watch of a scripted server brings status updates at a rate of our choice."""
    bodies = [_served(number, pod) for number, pod in enumerate(pods.pods(1000))]
    with tempfile.TemporaryDirectory() as name:
        server, sent = FakeApiServer(Path(name)), asyncio.Event()
        server.scripts = {"stream": [refused(400)], "list": [_only_pods(page(bodies, "1000"))], "watch": []}
        server.scripts["watch"] = [_only_pods(_paced(bodies, sent))]
        async with server.running(), Watched.started(server.kubeconfig) as watched:
            before = await watched.figures()
            began = time.monotonic()
            await sent.wait()
            wall = time.monotonic() - began
            await asyncio.sleep(1)  # what is still in the sockets
            after = await watched.end()
    told, cpu = after["events"] - before["events"] - 1, after["cpu"] - before["cpu"]
    if told < 0:
        sys.exit("the change after all status updates was not told")
    yield (
        f"Replayed: {RATE * SECONDS / wall:,.0f} status updates a second for {wall:.0f} s, {told} events sent"
        f" on; CPU of the watcher {cpu:.1f} s, {cpu / wall:.0%} of a core, "
        f"{1e6 * cpu / RATE / SECONDS:.0f} us an update; peak {after['peak'] / _MIB:.0f} MiB."
    )


def _served(number: int, pod: Any) -> Any:
    metadata = {"name": f"pod-{number}", "namespace": "default", "uid": f"uid-{number}"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod["spec"]}


def _only_pods(answer: Answer) -> Answer:
    async def only(request: web.Request) -> web.StreamResponse:
        found = request.path.endswith("/pods")
        return await (answer if found else refused(404))(request)

    return only


def _paced(bodies: list[Any], sent: asyncio.Event) -> Answer:
    """`RATE` updates a second, in twenty portions."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        began, portion = time.monotonic(), RATE // 20
        for done in range(0, RATE * SECONDS, portion):
            lines = [_update(bodies[at % len(bodies)], 1001 + at) for at in range(done, done + portion)]
            await response.write(b"".join(lines))
            await asyncio.sleep(max(0.0, began + (done + portion) / RATE - time.monotonic()))
        changed = {**bodies[0], "spec": bodies[1]["spec"]}
        await response.write(_update(changed, 1001 + RATE * SECONDS))  # the one that is news
        sent.set()
        await asyncio.sleep(60)  # until the watcher is ended
        return response

    return answer


def _update(body: Any, version: int) -> bytes:
    metadata = {**body["metadata"], "resourceVersion": str(version)}
    changed = {**body, "metadata": metadata, "status": {"phase": "Running", "message": f"{version}"}}
    return json.dumps({"type": "MODIFIED", "object": changed}).encode() + b"\n"


async def _main() -> None:
    lines: list[str] = []
    async for line in _measure():
        print(line, flush=True)  # as it is measured: the whole takes minutes
        lines.append(line)
    RESULT.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(_main())

"""`make bench BENCH=watcher`: what it costs to follow a real API server, and how soon a change is told.

Writes benchmarks/results/watcher.md. The watcher is a process of its own; its log only
counts. API server and etcd run beside it on the same cores. Status updates come at
the rate that this server takes; a scripted one (`benchmarks.watcher_replay`) brings more.
"""

import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks import pods, watcher_replay
from benchmarks.machine import machine
from benchmarks.watched import STAMP
from benchmarks.watcher_process import Watched, initial_list
from tests.kube.cluster import TOKEN, Cluster, running
from tests.services import kube

SIZE = 10_000
"""Pods of the real server."""
REPLAYED = 50_000
"""Pods of the scripted one, which has them at once; a real one takes minutes to make so many."""
SECONDS = 10
CHANGES = 500
RESULT = Path(__file__).parent / "results" / "watcher.md"
_WRITERS = 32
_PATH = "/api/v1/namespaces/default/pods"
_MERGE = "application/merge-patch+json"
Sending = Callable[[], Any]


async def _measure() -> AsyncIterator[str]:
    for line in _head():
        yield line
    with tempfile.TemporaryDirectory() as name, running(kube(), Path(name)) as cluster:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        connector = aiohttp.TCPConnector(limit=_WRITERS, ssl=False)
        async with aiohttp.ClientSession(cluster.url, headers=headers, connector=connector) as session:
            began = time.monotonic()
            await _by_many(_creations(session))
            print(f"({SIZE} Pods were made in {time.monotonic() - began:.0f} s)", file=sys.stderr)
            served = cluster.request("GET", f"{_PATH}?limit={pods.TEMPLATES}")["items"]
            yield await initial_list(cluster.kubeconfig, SIZE, "real, streamed")
            changes = [line async for line in _changes(cluster, session)]
    async for line in watcher_replay.lists(served, REPLAYED):
        yield line
    yield ""
    size = sum(len(json.dumps(pod)) for pod in served) / len(served) / 1024
    yield f"A Pod is {size:.1f} KiB of JSON as this server gives it; the scripted server gives copies."
    yield ""
    for line in (*changes, await watcher_replay.updates(served)):
        yield f"- {line}"


def _head() -> list[str]:
    when = datetime.now(UTC).date().isoformat()
    return [
        "# The watcher on an API server",
        "",
        f"{when}; {machine()}; {os.getloadavg()[0]:.1f} processes wanted a core when this began, and the",
        "servers share the cores. Pods as in [scan](scan.md); each is trimmed, redacted, digested and made",
        "an event, which a log counts and drops. Peak is resident memory of the watcher's process alone;",
        "the bar is 150 MiB and 1 KiB a Pod. Requests are of all eight kinds: a list and a watch each.",
        "",
        "| Pods | server, list | wall s | Pods/s | CPU s | peak MiB | bar MiB | requests |",
        "|---:|---|---:|---:|---:|---:|---:|---:|",
    ]


async def _by_many(work: Iterator[Sending]) -> None:
    async def writer() -> None:
        for each in work:
            await each()

    async with asyncio.TaskGroup() as group:
        for _ in range(_WRITERS):
            group.create_task(writer())


def _creations(session: aiohttp.ClientSession) -> Iterator[Sending]:
    for number, pod in enumerate(pods.pods(SIZE)):
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


async def _changes(cluster: Cluster, session: aiohttp.ClientSession) -> AsyncIterator[str]:
    """Status updates as fast as the server takes them, then changes one by one."""
    async with Watched.started(cluster.kubeconfig) as watched:
        before = await watched.figures()
        began, done = time.monotonic(), 0

        def updates() -> Iterator[Sending]:
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
    told = after["events"] - before["events"] - CHANGES
    if told or len(after["latencies"]) != CHANGES:
        sys.exit(f"{told} events for {done} status updates, {len(after['latencies'])} for {CHANGES} changes")
    yield (
        f"{done / wall:,.0f} status updates a second, as many as the real server took, for {wall:.0f} s:"
        f" {told} events sent on for them."
    )
    delays = statistics.quantiles([1000 * each for each in after["latencies"]], n=100)
    yield (
        f"Change to event, real server, {CHANGES} changes one by one, from before the write:"
        f" p50 {delays[49]:.1f} ms, p99 {delays[98]:.1f} ms."
    )
    yield f"Requests made to the real server, lists, {done} updates and all changes: {after['requests']}."


async def _main() -> None:
    lines: list[str] = []
    async for line in _measure():
        print(line, flush=True)  # as it is measured: the whole takes minutes
        lines.append(line)
    RESULT.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(_main())

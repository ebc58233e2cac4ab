"""What a scripted server brings: more Pods, and more updates a second, than a real one of this machine.

Its Pods are copies of what the real one answers, byte for byte but for names and versions.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web

from benchmarks.watcher_process import MIB, Watched, initial_list
from tests.fakes.api_server import Answer, FakeApiServer, page, refused

RATE = 2_000
"""Status updates a second."""
SECONDS = 20
PODS = 1_000
"""That have them in turn."""
_PORTIONS = 20
_LIST_VERSION = 1_000_000


async def lists(pods: Sequence[Any], size: int) -> AsyncIterator[str]:
    """Rows of the table: a list as a stream, and in pages."""
    streamed = {"stream": [_only_pods(_streamed(pods, size))], "list": [_only_pods(refused(404))]}
    paged = {"stream": [refused(400)], "list": [_only_pods(_paged(pods, size))]}
    for what, scripts in (("scripted, streamed", streamed), ("scripted, paged", paged)):
        async with _scripted({**scripts, "watch": [_only_pods(_quiet)]}) as server:
            yield await initial_list(server.kubeconfig, size, what)


async def updates(pods: Sequence[Any]) -> str:
    """Status updates at a rate of our choice, then one change that is news."""
    bodies, sent = [_pod(pods, number) for number in range(PODS)], asyncio.Event()
    scripts = {
        "stream": [refused(400)],
        "list": [_only_pods(page(bodies, f"{_LIST_VERSION}"))],
        "watch": [_only_pods(_paced(bodies, sent))],
    }
    async with _scripted(scripts) as server, Watched.started(server.kubeconfig) as watched:
        before = await watched.figures()
        began = time.monotonic()
        await sent.wait()
        wall = time.monotonic() - began
        await asyncio.sleep(1)  # what is still in the sockets
        after = await watched.end()
    told, cpu = after["events"] - before["events"] - 1, after["cpu"] - before["cpu"]
    if told:
        sys.exit(f"{told} events too many (or few) for {RATE * SECONDS} status updates and one change")
    return (
        f"{RATE * SECONDS / wall:,.0f} status updates a second of a scripted server, for {wall:.0f} s: {told}"
        f" events sent on for them, and 1 for the change of a spec at their end; CPU of the watcher"
        f" {cpu:.1f} s, {cpu / wall:.0%} of a core, {1e6 * cpu / RATE / SECONDS:.0f} us an update; peak "
        f"{after['peak'] / MIB:.0f} MiB."
    )


@asynccontextmanager
async def _scripted(scripts: dict[str, list[Answer]]) -> AsyncIterator[FakeApiServer]:
    with tempfile.TemporaryDirectory() as name:
        server = FakeApiServer(Path(name))
        server.scripts = scripts
        async with server.running():
            yield server


def _pod(pods: Sequence[Any], number: int) -> Any:
    like = pods[number % len(pods)]
    metadata = {**like["metadata"], "name": f"pod-{number}", "uid": f"uid-{number}"}
    return {**like, "apiVersion": "v1", "kind": "Pod", "metadata": metadata}


def _only_pods(answer: Answer) -> Answer:
    """There is nothing of other kinds."""

    async def only(request: web.Request) -> web.StreamResponse:
        if request.path.endswith("/pods"):
            return await answer(request)
        if "sendInitialEvents" in request.query:
            return await refused(400)(request)
        return await (_quiet if "watch" in request.query else page([]))(request)

    return only


def _paged(pods: Sequence[Any], size: int) -> Answer:
    """Pages as they are asked for; a continue token is the number of the next Pod."""

    async def answer(request: web.Request) -> web.StreamResponse:
        begin = int(request.query.get("continue", "0"))
        end = min(size, begin + int(request.query["limit"]))
        more = f"{end}" if end < size else ""
        return await page([_pod(pods, at) for at in range(begin, end)], f"{_LIST_VERSION}", more)(request)

    return answer


def _streamed(pods: Sequence[Any], size: int) -> Answer:
    """Every Pod, then the bookmark that ends a list."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = await _stream(request)
        for begin in range(0, size, 100):
            numbers = range(begin, min(size, begin + 100))
            await response.write(b"".join(_event("ADDED", _pod(pods, at)) for at in numbers))
        ends = {"resourceVersion": f"{_LIST_VERSION}", "annotations": {"k8s.io/initial-events-end": "true"}}
        await response.write(_event("BOOKMARK", {"apiVersion": "v1", "kind": "Pod", "metadata": ends}))
        return response

    return answer


async def _quiet(request: web.Request) -> web.StreamResponse:
    response = await _stream(request)
    await asyncio.sleep(60)  # until the watcher is ended
    return response


def _paced(bodies: Sequence[Any], sent: asyncio.Event) -> Answer:
    """`RATE` updates a second, in portions."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = await _stream(request)
        began, portion, version = time.monotonic(), RATE // _PORTIONS, _LIST_VERSION
        for done in range(0, RATE * SECONDS, portion):
            lines = [_status(bodies[at % PODS], version + 1 + at) for at in range(done, done + portion)]
            await response.write(b"".join(lines))
            await asyncio.sleep(max(0.0, began + (done + portion) / RATE - time.monotonic()))
        changed = {**bodies[0], "spec": bodies[1]["spec"]}
        await response.write(_status(changed, version + 1 + RATE * SECONDS))
        sent.set()
        await asyncio.sleep(60)  # until the watcher is ended
        return response

    return answer


async def _stream(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    return response


def _status(body: Any, version: int) -> bytes:
    metadata = {**body["metadata"], "resourceVersion": f"{version}"}
    status = {**body["status"], "phase": "Running", "message": f"{version}"}
    return _event("MODIFIED", {**body, "metadata": metadata, "status": status})


def _event(what: str, body: Any) -> bytes:
    return msgspec.json.encode({"type": what, "object": body}) + b"\n"

"""An API server that does what a test says: each request takes the next answer of its kind's script.

Plain HTTP, real sockets: what the watcher sees is what a network would give it. A script
that is used up goes on with its last answer, so that a storm of requests shows as a count.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import yaml
from aiohttp import web

from tests.kube.cluster import CONTEXT

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
Object = dict[str, Any]
_PATIENCE = 30.0
_ENDED = web.AppKey("ended", asyncio.Event)

HOLD = b""
"""In a stream: nothing more comes, and it does not end."""


class FakeApiServer:
    """Scripts by what is asked for: `list`, `stream` (a streamed list) or `watch`."""

    def __init__(self, folder: Path) -> None:
        self.scripts: dict[str, list[Answer]] = {
            "list": [],
            "stream": [refused(400)],
            "watch": [stream(HOLD)],
        }
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.tokens: list[str] = []
        self.ended = asyncio.Event()
        self._asked = asyncio.Condition()
        self._folder = folder
        self._port = 0

    @property
    def kubeconfig(self) -> Path:
        return self._folder / "kubeconfig"

    def count(self, what: str) -> int:
        """How often something was asked for."""
        return len([1 for asked, _ in self.requests if asked == what])

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until what was asked for makes something so."""
        async with asyncio.timeout(_PATIENCE), self._asked:
            await self._asked.wait_for(condition)

    def write_kubeconfig(self, token: str = "first") -> None:  # noqa: S107 - of no server
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": CONTEXT,
            "contexts": [{"name": CONTEXT, "context": {"cluster": CONTEXT, "user": CONTEXT}}],
            "clusters": [{"name": CONTEXT, "cluster": {"server": f"http://127.0.0.1:{self._port}"}}],
            "users": [{"name": CONTEXT, "user": {"token": token}}],
        }
        self.kubeconfig.write_text(yaml.safe_dump(config), encoding="utf-8")

    @asynccontextmanager
    async def running(self) -> AsyncIterator["FakeApiServer"]:
        application = web.Application()
        application[_ENDED] = self.ended
        application.router.add_get("/{path:.*}", self._answer)
        runner = web.AppRunner(application, shutdown_timeout=1.0)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self._port = runner.addresses[0][1]
        self.write_kubeconfig()
        try:
            yield self
        finally:
            self.ended.set()
            await runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        query = dict(request.query)
        watches = "watch" if query.get("watch") else "list"
        what = "stream" if query.get("sendInitialEvents") else watches
        self.requests.append((what, query))
        self.tokens.append(request.headers.get("Authorization", "").removeprefix("Bearer "))
        async with self._asked:
            self._asked.notify_all()
        script = self.scripts[what]
        answer = script.pop(0) if len(script) > 1 else script[0]
        return await answer(request)


def page(items: Sequence[Object] | None, version: str = "10", more: str = "") -> Answer:
    """A list, or a part of one that goes on with the token `more`."""
    metadata = {"resourceVersion": version, **({"continue": more} if more else {})}
    body: Object = {"kind": "PodList", "apiVersion": "v1", "metadata": metadata}
    return text(json.dumps(body if items is None else {**body, "items": list(items)}))


def text(body: str | bytes, content_type: str = "application/json", status: int = 200) -> Answer:
    """Whatever, as a body."""

    async def answer(_: web.Request) -> web.StreamResponse:
        raw = body.encode() if isinstance(body, str) else body
        return web.Response(body=raw, status=status, content_type=content_type)

    return answer


def refused(code: int, message: str = "no", **headers: str) -> Answer:
    """A `Status` that says no. `headers`: with _ for -."""

    async def answer(_: web.Request) -> web.StreamResponse:
        body = {"kind": "Status", "code": code, "message": message}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.json_response(body, status=code, headers=named)

    return answer


def redirect(to: str) -> Answer:
    """Go there."""

    async def answer(_: web.Request) -> web.StreamResponse:
        raise web.HTTPFound(to)

    return answer


def stream(*pieces: Object | bytes, broken: bool = False) -> Answer:
    """Events (a line each) and raw bytes; HOLD keeps it open. `broken`: the connection is cut at the end."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        for piece in pieces:
            if piece == HOLD:
                await request.app[_ENDED].wait()
                break
            await response.write(piece if isinstance(piece, bytes) else json.dumps(piece).encode() + b"\n")
        if broken and request.transport is not None:
            request.transport.abort()
        return response

    return answer


def event(kind: str, body: Object) -> Object:
    """One event of a watch."""
    return {"type": kind, "object": body}


def bookmark(version: str | None, *, ends_list: bool = False) -> Object:
    """A bookmark; None: one without a version."""
    metadata: Object = {} if version is None else {"resourceVersion": version}
    if ends_list:
        metadata["annotations"] = {"k8s.io/initial-events-end": "true"}
    return event("BOOKMARK", {"kind": "Pod", "apiVersion": "v1", "metadata": metadata})


def error(code: int, message: str = "no") -> Object:
    """A refusal in the stream."""
    return event("ERROR", {"kind": "Status", "code": code, "message": message})


def pod(name: str, version: int, image: str = "nginx", **metadata: Any) -> Object:
    """A Pod; its uid is `uid-NAME`."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": "shop",
            "uid": f"uid-{name}",
            "resourceVersion": str(version),
            **metadata,
        },
        "spec": {"containers": [{"name": "web", "image": image}]},
    }

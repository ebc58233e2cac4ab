"""A registry that does what a test says: each path takes the next answer of its script.

Plain HTTP, real sockets. A script that is used up goes on with its last answer; a path without
a script is 404.
"""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web

from tests.images import Built, digest

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
_ENDED = web.AppKey("ended", asyncio.Event)


@dataclass(frozen=True, slots=True)
class Asked:
    """One request."""

    method: str
    path: str
    authorization: str
    query: Mapping[str, str]
    form: Mapping[str, str]


class FakeRegistry:
    """Scripts by path; `asked` is every request in its order."""

    def __init__(self) -> None:
        self.scripts: dict[str, list[Answer]] = {}
        self.asked: list[Asked] = []
        self._ended = asyncio.Event()
        self._port = 0

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self._port}"

    def serve(self, repository: str, tag: str, built: Built) -> None:
        """Everything of an image, as it should be."""
        for blob in built.blobs:
            self.scripts[f"/v2/{repository}/blobs/{digest(blob)}"] = [content(blob)]
        for each in built.below:
            self.serve(repository, each.digest, each)
        for name in (tag, built.digest):
            self.scripts[f"/v2/{repository}/manifests/{name}"] = [content(built.body, built.media_type)]

    def paths(self) -> list[str]:
        return [each.path for each in self.asked]

    @asynccontextmanager
    async def running(self, tls: ssl.SSLContext | None = None) -> AsyncIterator["FakeRegistry"]:
        application = web.Application()
        application[_ENDED] = self._ended
        application.router.add_route("*", "/{path:.*}", self._answer)
        runner = web.AppRunner(application, shutdown_timeout=1.0)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
        self._port = runner.addresses[0][1]
        try:
            yield self
        finally:
            self._ended.set()
            await runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        form = {name: str(value) for name, value in (await request.post()).items()}
        authorization = request.headers.get("Authorization", "")
        query = dict(request.query)
        self.asked.append(Asked(request.method, request.path, authorization, query, form))
        script = self.scripts.get(request.path)
        if not script:
            return await refused(404, "NAME_UNKNOWN")(request)
        answer = script.pop(0) if len(script) > 1 else script[0]
        return await answer(request)


def content(body: bytes, media_type: str = "application/octet-stream", **headers: str) -> Answer:
    """A body. `headers`: with _ for -."""

    async def answer(_: web.Request) -> web.StreamResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(body=body, headers={"Content-Type": media_type, **named})

    return answer


def refused(status: int, code: str = "DENIED", message: str = "no", **headers: str) -> Answer:
    """An error as registries write them."""

    async def answer(_: web.Request) -> web.StreamResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.json_response(
            {"errors": [{"code": code, "message": message}]}, status=status, headers=named
        )

    return answer


def redirect(to: str) -> Answer:
    """Go there."""

    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(status=307, headers={"Location": to})

    return answer


def only_with(authorization: str, then: Answer, challenge: str) -> Answer:
    """Who brings this header gets the answer; others are challenged."""

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.headers.get("Authorization", "") == authorization:
            return await then(request)
        return await refused(401, "UNAUTHORIZED", WWW_Authenticate=challenge)(request)

    return answer


def token(text: str) -> Answer:
    """What a token service answers."""
    return content(json.dumps({"token": text, "expires_in": 300}).encode(), "application/json")


def trickle() -> Answer:
    """A body that never ends: a byte, and then nothing more."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"{")
        await request.app[_ENDED].wait()
        return response

    return answer


def truncated(body: bytes, media_type: str = "application/octet-stream") -> Answer:
    """Half of a body under the length of all of it; then the connection is cut."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": media_type})
        response.content_length = len(body)
        await response.prepare(request)
        await response.write(body[: len(body) // 2])
        if request.transport is not None:
            request.transport.abort()
        return response

    return answer

"""A subscriber: a real HTTP server on loopback that behaves as a test tells it to."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import msgspec
from aiohttp import web

PATIENCE = 150.0


@dataclass(frozen=True)
class Got:
    """A request, whatever became of it."""

    event_id: str
    resource: str
    headers: Mapping[str, str]
    body: bytes


Behaviour = Callable[[Got, int], "int | Awaitable[web.StreamResponse]"]
"""What to answer to a request; the number says how often this event came before."""


@dataclass
class Subscriber:
    """`accepted`: in the order of their 2xx answers; `got`: everything that came."""

    url: str = ""
    behaviour: Behaviour = lambda _got, _before: 204
    permission: "Callable[[Mapping[str, str]], web.Response] | None" = None
    """What to answer to OPTIONS."""
    got: list[Got] = field(default_factory=list)
    accepted: list[Got] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def until(self, true: Callable[["Subscriber"], bool]) -> None:
        """Wait until something is so."""
        async with asyncio.timeout(PATIENCE), self._changed:
            await self._changed.wait_for(lambda: true(self))

    async def until_accepted(self, number: int) -> None:
        """Wait until so many different events were accepted."""
        await self.until(lambda me: len({got.event_id for got in me.accepted}) >= number)

    def firsts(self) -> dict[str, list[str]]:
        """By resource, the ids that were accepted, each where it was accepted first."""
        found: dict[str, list[str]] = {}
        for got in self.accepted:
            ids = found.setdefault(got.resource, [])
            if got.event_id not in ids:
                ids.append(got.event_id)
        return found

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if request.method == "OPTIONS" and self.permission is not None:
            return self.permission(request.headers)
        body = await request.read()
        got = _read(request.headers, body)
        before = sum(each.event_id == got.event_id for each in self.got)
        self.got.append(got)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            said = self.behaviour(got, before)
            answer = web.Response(status=said) if isinstance(said, int) else await said
            if answer.status // 100 == 2:
                self.accepted.append(got)
            return answer
        finally:
            self.at_once -= 1
            async with self._changed:
                self._changed.notify_all()


def _read(headers: Mapping[str, str], body: bytes) -> Got:
    if "ce-id" in headers:
        return Got(headers["ce-id"], headers["ce-subject"], dict(headers), body)
    event = msgspec.json.decode(body)
    return Got(event["id"], event["subject"], dict(headers), body)


class Cut(web.StreamResponse):
    """An answer that is never sent: the connection is cut."""

    async def prepare(self, request: web.BaseRequest) -> None:
        assert request.transport is not None
        request.transport.abort()
        raise ConnectionResetError


async def cut() -> web.StreamResponse:
    """Cut the connection."""
    return Cut(status=500)


async def hang() -> web.StreamResponse:
    """Never answer."""
    await asyncio.Event().wait()
    return web.Response()


def answer(status: int, **headers: str) -> Callable[[], Awaitable[web.StreamResponse]]:
    """An answer with headers; underscores are hyphens."""

    async def respond() -> web.StreamResponse:
        return web.Response(
            status=status, headers={name.replace("_", "-"): value for name, value in headers.items()}
        )

    return respond


async def eventually(true: Callable[[], bool]) -> None:
    """Wait until something is so that nobody tells."""
    async with asyncio.timeout(PATIENCE):
        while not true():  # noqa: ASYNC110 - nobody could set an event
            await asyncio.sleep(0.005)


@asynccontextmanager
async def serving(behaviour: Behaviour | None = None, port: int = 0) -> AsyncIterator[Subscriber]:
    """A subscriber as long as the block runs. `port`: 0 for any that is free."""
    subscriber = Subscriber()
    if behaviour is not None:
        subscriber.behaviour = behaviour
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", subscriber._handle)
    runner = web.AppRunner(application, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", port, reuse_address=True)
        await site.start()
        subscriber.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
        yield subscriber
    finally:
        await runner.cleanup()

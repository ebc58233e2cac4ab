"""`/healthz`, `/readyz` and `/metrics` of a process, by HTTP. It only tells; nothing can be changed by it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
from aiohttp import web

from pipeline.errors import UsageError
from pipeline.telemetry.health import Answer, Health
from pipeline.telemetry.metrics import Metrics

_PATIENCE = 1.0
"""Seconds that a scraper may take to finish when the process ends."""


@asynccontextmanager
async def serving(listen: str, health: Health, metrics: Metrics) -> AsyncIterator[str]:
    """Serve on HOST:PORT as long as the block runs; gives the URL. Raises UsageError where it cannot."""
    host, _, port = listen.rpartition(":")
    runner = web.AppRunner(_application(health, metrics), access_log=None, shutdown_timeout=_PATIENCE)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host.strip("[]"), int(port))
        try:
            await site.start()
        except (OSError, OverflowError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise UsageError(
                f"cannot listen on {listen} (setting listen, TOCSIN_LISTEN): {reason}"
            ) from error
        yield f"http://{host}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def _application(health: Health, metrics: Metrics) -> web.Application:
    async def healthz(_: web.Request) -> web.Response:
        return _answer(health.alive(), "alive", "parts")

    async def readyz(_: web.Request) -> web.Response:
        return _answer(health.ready(), "ready", "checks")

    async def scrape(request: web.Request) -> web.Response:
        body, content_type = metrics.render(request.headers.get("Accept", ""))
        return web.Response(body=body, headers={"Content-Type": content_type})

    application = web.Application()
    application.router.add_get("/healthz", healthz)
    application.router.add_get("/readyz", readyz)
    application.router.add_get("/metrics", scrape)
    return application


def _answer(answer: Answer, word: str, of: str) -> web.Response:
    body = {"status": word if answer.good else f"not {word}", of: dict(answer.said)}
    return web.Response(
        status=200 if answer.good else 503,
        body=msgspec.json.encode(body) + b"\n",
        content_type="application/json",
    )

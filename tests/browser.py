"""A real Chromium without a window, by the DevTools protocol. Tests nothing itself.

The distribution's package is enough. A page is opened at a size, in light or dark, with scripts or
without; what it asked for and what it complained of is kept.
"""

import asyncio
import base64
import itertools
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest

GIVEN = "TOCSIN_TEST_CHROMIUM"
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_PATIENCE = 60.0
"""Seconds for whatever the browser does: it shares two cores with other tests."""

_FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-extensions",
    "--disable-sync", "--hide-scrollbars", "--remote-debugging-port=0", "--force-color-profile=srgb",
)  # fmt: skip


def program() -> str:
    """The browser for a test; skips the test where there is none, also where every service is required.

    No package registry has it: where a machine's distribution does not, it cannot be had.
    """
    found = os.environ.get(GIVEN) or next(filter(None, map(shutil.which, _NAMES)), None)
    return found or pytest.skip(f"Chromium is not here: install its package, or set {GIVEN}")


@dataclass(slots=True)
class Page:
    """An open page."""

    browser: "Browser"
    session: str
    sent: dict[str, str] = field(default_factory=dict)
    """URLs that were asked for, the page's own first, by request; without what was blocked."""
    complaints: list[str] = field(default_factory=list)
    """Console messages, exceptions, refusals by a content security policy."""

    @property
    def requests(self) -> list[str]:
        """URLs that were asked for."""
        return list(self.sent.values())

    async def run(self, script: str) -> Any:
        """The value of an expression in the page."""
        answer = await self.ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    async def screenshot(self, path: Path, *, whole: bool = True) -> None:
        """A PNG of the page, or of its first screen."""
        shot = await self.ask("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(shot["data"]))

    async def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command of the protocol."""
        return await self.browser.ask(method, self.session, **parameters)


class Browser:
    """A connection to the browser."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._ids = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._pages: dict[str, Page] = {}
        self._loaded: dict[str, asyncio.Event] = {}

    async def listen(self) -> None:
        """Take what comes until the connection ends."""
        async for message in self._socket:
            self._take(message.json())

    def _take(self, message: dict[str, Any]) -> None:
        if "id" in message:
            self._answers.pop(message["id"]).set_result(message)
            return
        session, said = message.get("sessionId", ""), message["params"]
        page = self._pages.get(session)
        if page is None:
            return
        match message["method"]:
            case "Network.requestWillBeSent":
                page.sent[said["requestId"]] = said["request"]["url"]
            case "Network.loadingFailed" if said.get("blockedReason"):
                del page.sent[said["requestId"]]
            case "Log.entryAdded":
                page.complaints.append(said["entry"]["text"])
            case "Runtime.consoleAPICalled" | "Runtime.exceptionThrown":
                page.complaints.append(str(said))
            case "Page.loadEventFired":
                self._loaded[session].set()

    async def ask(self, method: str, session: str = "", **parameters: Any) -> dict[str, Any]:
        """One command; its answer."""
        identity = next(self._ids)
        waiting = self._answers[identity] = asyncio.get_running_loop().create_future()
        message = {"id": identity, "method": method, "params": parameters}
        await self._socket.send_json({**message, "sessionId": session} if session else message)
        answer = await asyncio.wait_for(waiting, _PATIENCE)
        assert "error" not in answer, (method, answer["error"])
        return dict(answer["result"])

    async def open(
        self, url: str, width: int = 1280, height: int = 800, *, dark: bool = False, scripts: bool = True,
        media: str = "screen",
    ) -> Page:  # fmt: skip
        """Open a page and wait until it is loaded."""
        target = await self.ask("Target.createTarget", url="about:blank")
        attached = await self.ask("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        page = Page(self, attached["sessionId"])
        self._pages[page.session] = page
        self._loaded[page.session] = asyncio.Event()
        for domain in ("Page", "Network", "Log", "Runtime"):
            await page.ask(f"{domain}.enable")
        await page.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=width < 600,
        )  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await page.ask("Emulation.setEmulatedMedia", media=media, features=[scheme])
        await page.ask("Emulation.setScriptExecutionDisabled", value=not scripts)
        await page.ask("Page.navigate", url=url)
        await asyncio.wait_for(self._loaded[page.session].wait(), _PATIENCE)
        return page


@asynccontextmanager
async def browser() -> AsyncIterator[Browser]:
    """A browser of its own, gone after the block with all its processes."""
    path = program()
    with tempfile.TemporaryDirectory(prefix="tocsin-chromium-", ignore_cleanup_errors=True) as folder:
        process = await asyncio.create_subprocess_exec(
            path, *_FLAGS, f"--user-data-dir={folder}", "about:blank",
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE, env={**os.environ, "HOME": folder},
        )  # fmt: skip
        try:
            url = await asyncio.wait_for(_address(process), _PATIENCE)
            async with aiohttp.ClientSession() as session, session.ws_connect(url, max_msg_size=0) as socket:
                found = Browser(socket)
                tasks = [
                    asyncio.create_task(found.listen(), name="chromium"),
                    asyncio.create_task(_drain(process), name="chromium's stderr"),
                ]
                try:
                    yield found
                    await found.ask("Browser.close")
                finally:
                    for task in tasks:
                        task.cancel()
                    await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.wait_for(process.wait(), _PATIENCE)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


async def _address(process: asyncio.subprocess.Process) -> str:
    assert process.stderr is not None
    said = []
    async for line in process.stderr:
        said.append(line.decode(errors="replace"))
        if "DevTools listening on " in said[-1]:
            return said[-1].partition("DevTools listening on ")[2].strip()
    raise AssertionError(f"Chromium did not start: {''.join(said)}")


async def _drain(process: asyncio.subprocess.Process) -> None:
    assert process.stderr is not None
    async for _ in process.stderr:
        pass

"""Registries behind a proxy, as HTTPS_PROXY, HTTP_PROXY and NO_PROXY say.

Not covered: proxies that want credentials.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from evaluator.images.opening import Images
from evaluator.policies.configs import Found, ImageConfig, Unavailable
from pipeline.settings import ImageSettings
from tests.fakes.registry import FakeRegistry
from tests.images import image
from tests.integration.images.conftest import image_settings
from tests.integration.images.test_tls import certificate

_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


@dataclass
class Proxy:
    """Leads every CONNECT to the registry, whatever host it is for. `asked`: first lines of requests."""

    port: int = 0
    asked: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@asynccontextmanager
async def proxying(to: FakeRegistry) -> AsyncIterator[Proxy]:
    proxy = Proxy()
    handling: list[asyncio.Task[None] | None] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        handling.append(asyncio.current_task())
        proxy.asked.append(head.partition("\r\n")[0])
        host, _, port = to.host.rpartition(":")
        there, back = await asyncio.open_connection(host, int(port))
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await asyncio.gather(_pipe(reader, back), _pipe(there, writer))
        back.close()
        await asyncio.gather(back.wait_closed(), writer.wait_closed(), return_exceptions=True)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    async with server:
        yield proxy
        server.close()
        async with asyncio.timeout(30):  # they end as the client has gone
            await asyncio.gather(*filter(None, handling))


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in _VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


async def find(settings: ImageSettings, host: str) -> Found:
    async with Images.start(settings) as images:
        return await images.configs.find((f"{host}/shop/web:1", ""), images.keychain)


async def test_https_goes_through_a_tunnel_and_the_certificate_is_the_registrys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with FakeRegistry().running(certificate(tmp_path)) as registry, proxying(registry) as proxy:
        registry.serve("shop/web", "1", image())
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        settings = image_settings(
            tmp_path, private_registries=frozenset({registry.host}), ca_file=str(tmp_path / "ca.pem")
        )
        assert isinstance(await find(settings, registry.host), ImageConfig)
        assert set(proxy.asked) == {f"CONNECT {registry.host} HTTP/1.1"}
        other = await find(settings, "registry.example.test")
    assert isinstance(other, Unavailable), (
        "the name is the proxy's to resolve, the certificate is for another"
    )
    assert "CONNECT registry.example.test:443 HTTP/1.1" in proxy.asked


async def test_what_no_proxy_names_is_asked_directly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with FakeRegistry().running(certificate(tmp_path)) as registry, proxying(registry) as proxy:
        registry.serve("shop/web", "1", image())
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        settings = image_settings(
            tmp_path, private_registries=frozenset({registry.host}), ca_file=str(tmp_path / "ca.pem")
        )
        assert isinstance(await find(settings, registry.host), ImageConfig)
        assert proxy.asked == []


async def test_plain_http_is_asked_of_its_proxy_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fake registry is the proxy: it is asked for the URL of another host."""
    async with FakeRegistry().running() as registry:
        registry.serve("shop/web", "1", image())
        monkeypatch.setenv("HTTP_PROXY", f"http://{registry.host}")
        settings = image_settings(tmp_path, "registry.example.test")
        found = await find(settings, "registry.example.test")
    assert isinstance(found, ImageConfig)


async def test_a_workload_cannot_have_the_proxy_itself_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with FakeRegistry().running() as registry:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{registry.host}")
        found = await find(image_settings(tmp_path), registry.host)
        assert registry.asked == []
    assert isinstance(found, Unavailable)


async def test_a_proxy_that_is_not_there_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    found = await find(image_settings(tmp_path), "registry.example.test")
    assert isinstance(found, Unavailable)
    assert "no connection" in found.reason

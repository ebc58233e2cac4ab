"""HTTP to registries by aiohttp: the only module here that knows it.

One GET, HEAD or POST at a time, with a size limit on what is read. The rules that no
caller can forget are here: which addresses may be connected to (checked after the name
is resolved, and the connection goes to the address that was checked), how redirects are
followed, and that credentials stay with the origin they are for. Neither cookies nor
`.netrc` are used. Errors: UnreachableError, ForbiddenHostError, ContentRefusedError.
"""

import asyncio
import os
import socket
import ssl
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from urllib.request import getproxies, proxy_bypass

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from evaluator.images.errors import ContentRefusedError, ForbiddenHostError, UnreachableError
from evaluator.images.places import Places
from pipeline.errors import UsageError, clip
from pipeline.settings import ImageSettings
from pipeline.version import __version__

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS = 5
_ERROR_BYTES = 1 << 16
"""Of the body of an answer that is no success."""
_OK = 200
_CHUNK = 1 << 16


@dataclass(frozen=True, slots=True)
class Answer:
    """What came. `headers` have lower-case names."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Transport:
    """An async context manager. `requests`: how many were sent."""

    def __init__(self, settings: ImageSettings, places: Places) -> None:
        self._settings = settings
        self._places = places
        self._proxies = {scheme: URL(url) for scheme, url in getproxies().items() if url}
        self._all = asyncio.Semaphore(settings.connections)
        self._each: dict[str, asyncio.Semaphore] = defaultdict(
            lambda: asyncio.Semaphore(settings.registry_connections)
        )
        self._session: aiohttp.ClientSession | None = None
        self.requests = 0

    async def __aenter__(self) -> Self:
        """Prepare connections; the first request opens one. Raises UsageError: the CA file is none."""
        connector = aiohttp.TCPConnector(
            limit=self._settings.connections,
            ssl=_tls(self._settings.ca_file),
            resolver=_CheckedResolver(self._places, frozenset(self._proxies.values())),
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            headers={"User-Agent": f"tocsin/{__version__}", "Accept-Encoding": "identity"},
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._settings.connect_timeout),
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        limit: int,
        form: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request and its redirects. `limit`: bytes of a body that is a success."""
        current, sent = _url(url), dict(headers)
        for _ in range(_MOST_REDIRECTS + 1):
            answer = await self._once(method, current, sent, limit, form)
            target = answer.headers.get("location", "")
            if answer.status not in _REDIRECTS or not target:
                return answer
            if form is not None:
                raise ContentRefusedError(
                    f"{current.host}: answers credentials with a redirect; not followed"
                )
            following = _join(current, target)
            if current.scheme == "https" and following.scheme != "https":
                raise ContentRefusedError(f"{current.host}: redirects from HTTPS to HTTP; not followed")
            if following.origin() != current.origin():
                sent.pop("Authorization", None)
            current = following
        raise ContentRefusedError(f"{current.host}: more than {_MOST_REDIRECTS} redirects")

    async def _once(
        self, method: str, url: URL, headers: Mapping[str, str], limit: int, form: Mapping[str, str] | None
    ) -> Answer:
        if self._session is None:
            raise UnreachableError("the connections to registries are not open")
        host = url.host or ""
        self._places.check_host(host, url.port)
        proxy = self._proxy(url)
        if not self._places.is_private(host, url.port) and any(
            (host, url.port) == (each.host, each.port) for each in self._proxies.values()
        ):
            raise ForbiddenHostError(f"{clip(host, 100)} is a proxy and no registry")
        try:
            async with self._each[host], self._all:
                self.requests += 1
                async with self._session.request(
                    method, url, headers=headers, data=form, proxy=proxy, allow_redirects=False
                ) as response:
                    named = {name.lower(): value for name, value in response.headers.items()}
                    bound = limit if response.status == _OK else _ERROR_BYTES
                    body = b"" if method == "HEAD" else await _read(response, bound, host)
                    return Answer(response.status, named, body)
        except TimeoutError as error:
            raise UnreachableError(f"{host}: no connection in time") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise UnreachableError(f"{host}: {_reason(error)}") from error

    def _proxy(self, url: URL) -> URL | None:
        proxy = self._proxies.get(url.scheme)
        return None if proxy is None or proxy_bypass(f"{url.host}:{url.port}") else proxy


class _CheckedResolver(AbstractResolver):
    """Resolves names to addresses that may be connected to; the connector takes no other."""

    def __init__(self, places: Places, proxies: frozenset[URL]) -> None:
        self._places = places
        self._proxies = {(proxy.host, proxy.port) for proxy in proxies}
        self._resolver: aiohttp.ThreadedResolver | None = None

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """See AbstractResolver. Raises ForbiddenHostError: one bad address is enough."""
        if self._resolver is None:
            self._resolver = aiohttp.ThreadedResolver()
        found = await self._resolver.resolve(host, port, family)
        if (host, port) not in self._proxies and not self._places.is_private(host, port):
            for each in found:
                self._places.check_address(host, each["host"])
        return found

    async def close(self) -> None:
        """Nothing is held."""


async def _read(response: aiohttp.ClientResponse, limit: int, host: str) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_chunked(_CHUNK):
        body += chunk
        if len(body) > limit:
            if response.status != _OK:
                return bytes(body[:limit])
            raise ContentRefusedError(f"{host}: answers more than the limit of {limit} bytes")
    return bytes(body)


def _url(text: str) -> URL:
    try:
        url = URL(text)
    except ValueError as error:
        raise ContentRefusedError("not a URL that can be asked") from error
    if url.scheme not in {"http", "https"} or not url.host or url.user is not None:
        raise ContentRefusedError(f"expected an http(s) URL with a host, got one of {clip(url.scheme, 20)}")
    return url


def _join(base: URL, target: str) -> URL:
    try:
        joined = base.join(URL(target, encoded=True))
    except ValueError as error:
        raise ContentRefusedError(f"{base.host}: redirects to what is no URL") from error
    return _url(str(joined)) if joined.host is None else _checked(joined)


def _checked(url: URL) -> URL:
    """As `_url`; the query is left as it is, for it may be signed."""
    if url.scheme not in {"http", "https"} or url.user is not None:
        raise ContentRefusedError(f"{url.host}: redirects to what is no plain http(s) URL")
    return url


def _reason(error: Exception) -> str:
    """Never the text of an error that may name a URL: there are signatures in its query."""
    match error:
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientConnectorSSLError():
            return f"TLS: {clip(str(error.os_error) if hasattr(error, 'os_error') else str(error), 160)}"
        case aiohttp.ClientConnectorDNSError():
            return "its name cannot be resolved"
        case aiohttp.ClientConnectorError():
            number = error.os_error.errno
            return f"no connection: {os.strerror(number) if number else 'refused'}"
        case aiohttp.ServerDisconnectedError() | aiohttp.ClientPayloadError() | aiohttp.ClientOSError():
            return "the connection broke"
        case _:
            return f"no answer that can be read ({type(error).__name__})"


def _tls(ca_file: str) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if ca_file:
        try:
            context.load_verify_locations(ca_file)
        except (OSError, ssl.SSLError) as error:
            reason = clip(error.strerror or str(error))
            raise UsageError(f"registry_ca_file {ca_file}: {reason}") from error
    return context

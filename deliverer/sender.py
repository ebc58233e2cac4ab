"""Events to one subscriber by HTTP: the only module here that knows the HTTP client.

TLS is verified, redirects are not followed, cookies are not kept, proxies of the environment
are not used. Private addresses are allowed: the file of subscribers is the operator's. No
message holds the URL's path, a header's value, or anything of an answer's body.
"""

import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime

import aiohttp

from deliverer.answers import Answer, Failed, Permission, answer_of, permission_of
from deliverer.requests import Request, headers_of
from deliverer.subscriber import Subscriber
from pipeline.errors import UsageError
from pipeline.version import __version__

_READ = 64 * 2**10
"""Bytes of an answer that are read so that its connection can be used again."""
_KEEP_ALIVE = 30.0
_CONNECT = 5.0
"""Seconds to connect, at most; a request has its own."""


class HttpSender:
    """See `deliverer.ports.Sends`."""

    def __init__(
        self, subscriber: Subscriber, session: aiohttp.ClientSession, now: Callable[[], datetime]
    ) -> None:
        self._subscriber = subscriber
        self._session = session
        self._now = now

    @classmethod
    @asynccontextmanager
    async def open(cls, subscriber: Subscriber, now: Callable[[], datetime]) -> AsyncIterator["HttpSender"]:
        """With connections of its own. Raises UsageError for a file of authorities that cannot be read."""
        connector = aiohttp.TCPConnector(
            limit=subscriber.concurrency, ssl=_tls(subscriber), keepalive_timeout=_KEEP_ALIVE
        )
        timeout = aiohttp.ClientTimeout(total=subscriber.timeout, sock_connect=_CONNECT)
        async with aiohttp.ClientSession(
            connector=connector,
            timeout=timeout,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            headers={"User-Agent": f"tocsin/{__version__}"},
        ) as session:
            yield cls(subscriber, session, now)

    async def send(self, request: Request) -> Answer:
        """See the port."""
        now = self._now()
        headers = headers_of(request, self._subscriber, int(now.timestamp()))
        answered = await self._request("POST", headers, request.body)
        return answer_of(*answered, now) if isinstance(answered, tuple) else answered

    async def ask(self) -> Permission | Answer:
        """See the port."""
        origin = self._subscriber.origin
        headers = {**self._subscriber.headers, "WebHook-Request-Origin": origin}
        answered = await self._request("OPTIONS", headers, None)
        return permission_of(*answered, origin, self._now()) if isinstance(answered, tuple) else answered

    async def _request(
        self, method: str, headers: Mapping[str, str], body: bytes | None
    ) -> tuple[int, Mapping[str, str]] | Failed:
        """Status and headers, or why there are none."""
        try:
            async with self._session.request(
                method, self._subscriber.url, data=body, headers=headers, allow_redirects=False
            ) as response:
                await _read_some(response)
                return response.status, response.headers
        except TimeoutError:
            return Failed(f"no answer within {self._subscriber.timeout:g} s")
        except (aiohttp.ClientError, OSError) as error:
            return Failed(_reason(error))


async def _read_some(response: aiohttp.ClientResponse) -> None:
    """So that the connection can be used again; the answer counts even when its body is cut."""
    try:
        left = _READ
        while left > 0 and (chunk := await response.content.read(left)):
            left -= len(chunk)
    except (aiohttp.ClientError, OSError, TimeoutError):
        response.close()


def _reason(error: Exception) -> str:
    """What failed, without the URL: libraries put it into their words."""
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return f"its certificate is not to be trusted: {_certificate(error.certificate_error)}"
        case aiohttp.ClientConnectorDNSError():
            return "its host has no address"
        case aiohttp.ClientConnectorSSLError():
            return "TLS could not be agreed on"
        case aiohttp.ClientConnectorError():
            return f"cannot be connected to: {error.os_error.strerror or type(error.os_error).__name__}"
        case aiohttp.ServerDisconnectedError() | ConnectionError() | aiohttp.ClientOSError():
            return "the connection was cut"
        case _:
            return type(error).__name__


def _certificate(error: Exception) -> str:
    return getattr(error, "verify_message", "") or type(error).__name__


def _tls(subscriber: Subscriber) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context()
        if subscriber.ca_file:
            context.load_verify_locations(subscriber.ca_file)
    except (OSError, ssl.SSLError) as error:
        reason = getattr(error, "strerror", "") or "no certificates"
        raise UsageError(f"subscriber {subscriber.name}: ca {subscriber.ca_file}: {reason}") from error
    return context

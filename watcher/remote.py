"""A policy's text behind an https URL, fetched with as little trust as the URL deserves.

Whoever may write a policy chooses the URL, and it is fetched from inside a network: so
https only, no proxy, no redirect, no address that is not public (looked at after the name is
resolved, and connected to is only what was looked at), limits of size and of time for
all of it, and the text must have the SHA-256 that the policy names.
"""

import asyncio
import errno
import hashlib
import socket
import ssl
from collections.abc import Iterable

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from pipeline.errors import clip
from pipeline.settings import TextSettings
from watcher.addresses import is_allowed
from watcher.texts import Remote, Text, checked

AT_ONCE = 4
"""Fetches at a time: whoever writes many policies shall not make a flood of them."""
_OK = 200
_CHUNK = 1 << 14
_HEADERS = {"Accept-Encoding": "identity", "User-Agent": "tocsin"}


class _RefusedError(Exception):
    """There is no text to be had; its text says why."""


async def fetch_all(remotes: Iterable[Remote], settings: TextSettings) -> dict[Remote, Text]:
    """The texts of several, a few at a time."""
    at_once = asyncio.Semaphore(AT_ONCE)

    async def one(remote: Remote) -> tuple[Remote, Text]:
        async with at_once:
            return remote, await fetch(remote, settings)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(remote), name=f"fetch {remote.url}") for remote in remotes]
    return dict(task.result() for task in tasks)


async def fetch(remote: Remote, settings: TextSettings) -> Text:
    """The text, or why there is none.

    Whose certificates count is for the system (or SSL_CERT_FILE) to say.
    """
    place = clip(remote.url)
    try:
        target = _target(remote.url)
        place = clip(str(target.with_user(None).with_query(None).with_fragment(None)))
        async with asyncio.timeout(settings.timeout):
            body = await _body(target, settings)
        _check_digest(body, remote.sha256)
        return checked(place, body.decode(), settings)
    except UnicodeDecodeError:
        problem = "expected UTF-8 text, got something else"
    except TimeoutError:
        problem = f"not fetched in {settings.timeout:g} s"
    except (_RefusedError, aiohttp.ClientError, OSError, ValueError) as error:
        problem = clip(str(error) or type(error).__name__, 300)
    return Text(problem=f"{place}: {problem}")


def _check_digest(body: bytes, expected: str) -> None:
    digest = hashlib.sha256(body).hexdigest()
    if digest != expected:
        raise _RefusedError(f"expected SHA-256 {expected}, got {digest}")


def _target(url: str) -> URL:
    try:
        target = URL(url)
    except ValueError as error:
        raise _RefusedError(f"expected an https URL with a host: {error}") from error
    if target.scheme != "https" or not target.host:
        raise _RefusedError("expected an https URL with a host")
    return target


async def _body(target: URL, settings: TextSettings) -> bytes:
    connector = aiohttp.TCPConnector(
        resolver=_Resolver(settings.networks), use_dns_cache=False, ssl=ssl.create_default_context()
    )
    if target.host is not None:
        _check_literal(target.host, settings)
    async with (
        aiohttp.ClientSession(connector=connector, auto_decompress=False, trust_env=False) as session,
        session.get(target, allow_redirects=False, headers=_HEADERS) as response,
    ):
        if response.status != _OK:
            location = response.headers.get("Location")
            where = f" to {clip(location)}; redirects are not followed" if location else ""
            raise _RefusedError(f"expected status {_OK}, got {response.status}{where}")
        body = bytearray()
        async for chunk in response.content.iter_chunked(_CHUNK):
            body += chunk
            if len(body) > settings.limit:
                raise _RefusedError(f"expected at most {settings.limit} bytes, got more")
        return bytes(body)


class _Resolver(AbstractResolver):
    """Resolves names as the system does, and refuses one that leads anywhere it may not."""

    def __init__(self, networks: frozenset[str]) -> None:
        self._resolver = ThreadedResolver()
        self._networks = networks

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """See aiohttp. What is returned is what is connected to: there is no second look-up."""
        found = await self._resolver.resolve(host, port, family)
        for each in found:
            if not is_allowed(each["host"], self._networks):
                raise OSError(errno.EACCES, f"{host} is at {each['host']}, {_NOT_PUBLIC}")
        return found

    async def close(self) -> None:
        """See aiohttp."""
        await self._resolver.close()


_NOT_PUBLIC = "which is no public address (TOCSIN_REMOTE_NETWORKS names networks that may be asked)"


def _check_literal(host: str, settings: TextSettings) -> None:
    """An address in the URL itself is never resolved, so it is looked at here."""
    try:
        allowed = is_allowed(host, settings.networks)
    except ValueError:
        return
    if not allowed:
        raise _RefusedError(f"{host} {_NOT_PUBLIC.removeprefix('which ')}")

"""One API server: credentials, connections, raw bytes. The only module that knows the Kubernetes client.

`kubernetes.aio` reads configurations and authenticates; nothing is turned into its
models, and its `Watch` is not used (it retries, decodes and times out by itself).
Credentials that expire or rotate are read again when the server refuses them.
"""

import asyncio
import os
import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Self

import aiohttp
import msgspec
from kubernetes.aio import client, config
from kubernetes.aio.config import ConfigException

from pipeline.errors import UsageError, clip
from pipeline.settings import ClusterSettings
from watcher.cluster import errors

_CHUNK = 1 << 16
_ANSWER_LIMIT = 256 * 2**20
"""Bytes of one answer that is no stream: a page of 500 objects of half a MiB."""


class _Status(msgspec.Struct):
    """As much of a `Status` as a decision needs."""

    message: str = ""
    reason: str = ""


class ApiServer:
    """An API server by a kubeconfig's context, or the one this Pod runs on."""

    def __init__(self, settings: ClusterSettings) -> None:
        self._settings = settings
        self._client: client.ApiClient | None = None
        self._renewing = asyncio.Lock()
        self.requests = 0

    @classmethod
    @asynccontextmanager
    async def connect(cls, settings: ClusterSettings) -> AsyncIterator[Self]:
        """Read the credentials; nothing is asked yet. Raises UsageError for a configuration that is none."""
        server = cls(settings)
        server._client = await _client(settings)
        try:
            yield server
        finally:
            await server._current().close()

    async def get(self, path: str, parameters: Mapping[str, str] | None = None) -> bytes:
        """The body of one answer. Raises ApiError."""
        async with self._response(path, parameters or {}, self._settings.answer_timeout) as response:
            try:
                body = await response.content.read(_ANSWER_LIMIT)
                if not response.content.at_eof():
                    raise errors.UnreachableError(f"{path}: an answer of more than {_ANSWER_LIMIT} bytes")
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                raise errors.UnreachableError(f"{path}: {_said(error)}") from error
            return body

    @asynccontextmanager
    async def stream(
        self, path: str, parameters: Mapping[str, str]
    ) -> AsyncIterator[AsyncGenerator[bytes, None]]:
        """Chunks of an answer as they come, until it ends. Raises ApiError, also while it is read.

        A connection over which nothing comes for `read_timeout` is taken for dead:
        bookmarks come about once a minute.
        """
        async with self._response(path, parameters, self._settings.read_timeout) as response:
            chunks = _chunks(path, response)
            try:
                yield chunks
            finally:
                await chunks.aclose()

    @asynccontextmanager
    async def _response(
        self, path: str, parameters: Mapping[str, str], read_timeout: float
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        response = await self._ask(path, parameters, read_timeout)
        if response.status == 401:  # noqa: PLR2004 - HTTP
            response.close()
            await self._renew()
            response = await self._ask(path, parameters, read_timeout)
        try:
            if response.status != 200:  # noqa: PLR2004 - HTTP
                raise await _refusal(path, response)
            yield response
        finally:
            response.close()

    async def _ask(
        self, path: str, parameters: Mapping[str, str], read_timeout: float
    ) -> aiohttp.ClientResponse:
        connect = self._settings.connect_timeout
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=connect, sock_read=read_timeout)
        current = self._current()
        self.requests += 1
        try:
            method, url, headers, _, _ = await current.param_serialize(
                "GET",
                path,
                query_params=list(parameters.items()),
                header_params={"Accept": "application/json"},
                auth_settings=["BearerToken"],
            )
            answer = await current.rest_client.request(method, url, headers, _request_timeout=timeout)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise errors.UnreachableError(f"{current.configuration.host}: {_said(error)}") from error
        response: aiohttp.ClientResponse = answer.response
        return response

    def _current(self) -> client.ApiClient:
        if self._client is None:
            raise errors.UnreachableError("not connected")
        return self._client

    async def _renew(self) -> None:
        """Read the credentials again; requests on their way keep the connections they have."""
        refused = self._client
        async with self._renewing:
            if self._client is refused:
                fresh = await _client(self._settings)
                self._client, old = fresh, self._client
                if old is not None:
                    await old.close()


def cluster_name(settings: ClusterSettings) -> str:
    """What to call the cluster unless told otherwise: its context, with the characters that keys may hold.

    Raises UsageError for a configuration that is none.
    """
    name = settings.context
    if not name and _has_kubeconfig(settings):
        with _readable(settings):
            _, active = config.list_kube_config_contexts(settings.kubeconfig or None)
            name = str(active["name"])
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("._-") or "cluster"


def in_pod() -> bool:
    """Whether this process runs in a Pod, whose cluster is meant where nothing is said."""
    return bool(os.environ.get("KUBERNETES_SERVICE_HOST"))


def _has_kubeconfig(settings: ClusterSettings) -> bool:
    return bool(settings.context or settings.kubeconfig or not in_pod())


async def _client(settings: ClusterSettings) -> client.ApiClient:
    configuration = client.Configuration()
    with _readable(settings):
        if _has_kubeconfig(settings):
            await config.load_kube_config(
                config_file=settings.kubeconfig or None,
                context=settings.context or None,
                client_configuration=configuration,
                persist_config=False,
            )
        else:
            config.load_incluster_config(client_configuration=configuration)
    return client.ApiClient(configuration)


@contextmanager
def _readable(settings: ClusterSettings) -> Iterator[None]:
    """The client's errors about a configuration as UsageError."""
    try:
        yield
    except (ConfigException, OSError, ValueError, KeyError, TypeError) as error:
        where = settings.kubeconfig or os.environ.get("KUBECONFIG") or "~/.kube/config"
        raise UsageError(
            f"cannot read a cluster's configuration from {where}: {clip(str(error))}; "
            "name a context with --context, see `kubectl config get-contexts`"
        ) from error


async def _chunks(path: str, response: aiohttp.ClientResponse) -> AsyncGenerator[bytes, None]:
    try:
        async for chunk in response.content.iter_chunked(_CHUNK):
            yield chunk
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise errors.UnreachableError(f"{path}: {_said(error)}") from error


async def _refusal(path: str, response: aiohttp.ClientResponse) -> errors.ApiError:
    """What an answer other than 200 means."""
    try:
        status = msgspec.json.decode(await response.content.read(_CHUNK), type=_Status)
    except (msgspec.MsgspecError, aiohttp.ClientError, TimeoutError, OSError):
        status = _Status()
    message = f"{path}: {response.status} {clip(status.message or response.reason or '')}"
    return refusal(response.status, message, response.headers.get("Retry-After", ""))


def refusal(code: int, message: str, retry_after: str = "") -> errors.ApiError:
    """An HTTP status, or the code of a `Status` in a stream, as an error that says what to do."""
    kinds: dict[int, type[errors.ApiError]] = {
        400: errors.UnsupportedError,
        401: errors.UnauthorizedError,
        403: errors.DeniedError,
        404: errors.MissingError,
        410: errors.GoneError,
        422: errors.UnsupportedError,
    }
    if code in {429, 503}:
        return errors.ThrottledError(message, float(retry_after) if retry_after.isdigit() else 0.0)
    return kinds.get(code, errors.UnreachableError)(message)


def _said(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return clip(str(error) or type(error).__name__)


def decode(body: bytes, path: str) -> Any:
    """A JSON answer. Raises UnreachableError where it is none."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise errors.UnreachableError(f"{path}: not JSON: {clip(str(error))}") from error

"""One API server: credentials, connections, raw bytes. The only module that knows the Kubernetes client.

`kubernetes.aio` reads configurations and authenticates; nothing is turned into its
models, and its `Watch` is not used (it retries, decodes and times out by itself).
Credentials that expire or rotate are read again when the server refuses them.
"""

import asyncio
import os
import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, Self

import aiohttp
import msgspec
import yaml
from kubernetes.aio import client, config
from kubernetes.aio.config import ConfigException

from pipeline.errors import UsageError, clip
from pipeline.settings import ClusterSettings
from watcher.cluster import errors
from watcher.cluster.refusals import refusal

_CHUNK = 1 << 16
_ANSWER_LIMIT = 256 * 2**20
"""Bytes of one answer that is no stream: a page of 500 objects of half a MiB."""


class _Status(msgspec.Struct):
    """As much of a `Status` as a decision needs."""

    message: str = ""
    reason: str = ""


@dataclass(slots=True, eq=False)
class _Connection:
    """The client with one reading of the credentials; closed when it is retired and nobody uses it."""

    transport: client.ApiClient
    users: int = 0
    retired: bool = False

    @asynccontextmanager
    async def used(self) -> AsyncIterator[client.ApiClient]:
        self.users += 1
        try:
            yield self.transport
        finally:
            self.users -= 1
            await self._close_if_idle()

    async def retire(self) -> None:
        self.retired = True
        await self._close_if_idle()

    async def _close_if_idle(self) -> None:
        if self.retired and not self.users:
            await self.transport.close()


class ApiServer:
    """An API server by a kubeconfig's context, or the one this Pod runs on."""

    def __init__(self, settings: ClusterSettings) -> None:
        self._settings = settings
        self._connection: _Connection | None = None
        self._renewing = asyncio.Lock()
        self.requests = 0

    @classmethod
    @asynccontextmanager
    async def connect(cls, settings: ClusterSettings) -> AsyncIterator[Self]:
        """Read the credentials; nothing is asked yet. Raises UsageError for a configuration that is none."""
        server = cls(settings)
        server._connection = _Connection(await _client(settings))
        try:
            yield server
        finally:
            await server._current().retire()

    async def get(self, path: str, parameters: Mapping[str, str] | None = None) -> bytes:
        """The body of one answer. Raises ApiError."""
        return await self._whole("GET", path, parameters or {}, None)

    async def send(self, method: str, path: str, body: Any) -> bytes:
        """POST or PUT a JSON body; the body of the answer. Raises ApiError."""
        return await self._whole(method, path, {}, body)

    async def _whole(self, method: str, path: str, parameters: Mapping[str, str], body: Any) -> bytes:
        timeout = self._settings.answer_timeout
        async with self._response(method, path, parameters, timeout, body) as response:
            try:
                answer = bytearray()
                async for chunk in response.content.iter_chunked(_CHUNK):
                    answer += chunk
                    if len(answer) > _ANSWER_LIMIT:
                        raise errors.GarbledError(f"{path}: an answer of more than {_ANSWER_LIMIT} bytes")
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                raise errors.UnreachableError(f"{path}: {_said(error)}") from error
            return bytes(answer)

    @asynccontextmanager
    async def stream(
        self, path: str, parameters: Mapping[str, str]
    ) -> AsyncIterator[AsyncGenerator[bytes, None]]:
        """Chunks of an answer as they come, until it ends. Raises ApiError, also while it is read.

        A connection over which nothing comes for `read_timeout` is taken for dead:
        bookmarks come about once a minute.
        """
        async with self._response("GET", path, parameters, self._settings.read_timeout) as response:
            chunks = _chunks(path, response)
            try:
                yield chunks
            finally:
                await chunks.aclose()

    @asynccontextmanager
    async def _response(
        self, method: str, path: str, parameters: Mapping[str, str], read_timeout: float, body: Any = None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        async with AsyncExitStack() as stack:
            connection = self._current()
            used = await stack.enter_async_context(connection.used())
            response = await self._ask(used, method, path, parameters, read_timeout, body)
            stack.callback(response.close)
            if response.status == 401:  # noqa: PLR2004 - HTTP
                response.close()
                fresh = await self._renewed(connection)
                used = await stack.enter_async_context(fresh.used())
                response = await self._ask(used, method, path, parameters, read_timeout, body)
                stack.callback(response.close)
            if response.status not in {200, 201}:
                raise await _refusal(path, response)
            yield response

    async def _ask(
        self,
        current: client.ApiClient,
        method: str,
        path: str,
        parameters: Mapping[str, str],
        read_timeout: float,
        body: Any,
    ) -> aiohttp.ClientResponse:
        connect = self._settings.connect_timeout
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=connect, sock_read=read_timeout)
        self.requests += 1
        try:
            method, url, headers, _, _ = await current.param_serialize(
                method,
                path,
                query_params=list(parameters.items()),
                header_params={"Accept": "application/json"},
                auth_settings=["BearerToken"],
            )
            answer = await current.rest_client.request(method, url, headers, body, _request_timeout=timeout)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise errors.UnreachableError(f"{current.configuration.host}: {_said(error)}") from error
        response: aiohttp.ClientResponse = answer.response
        return response

    def _current(self) -> _Connection:
        if self._connection is None:
            raise errors.UnreachableError("not connected")
        return self._connection

    async def _renewed(self, refused: _Connection) -> _Connection:
        """Read the credentials again, once for all who were refused with the same ones.

        Requests on their way keep the connections they have.
        """
        async with self._renewing:
            if self._connection is refused:
                try:
                    self._connection = _Connection(await _client(self._settings))
                except UsageError as error:  # half written, or a plug-in that fails for now
                    raise errors.UnauthorizedError(str(error)) from error
                await refused.retire()
            return self._current()


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
    except (ConfigException, yaml.YAMLError, OSError, ValueError, KeyError, TypeError) as error:
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
    except (ValueError, RecursionError, aiohttp.ClientError, TimeoutError, OSError):
        status = _Status()
    message = f"{path}: {response.status} {clip(status.message or response.reason or '')}"
    return refusal(response.status, message, response.headers.get("Retry-After", ""))


def _said(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return clip(str(error) or type(error).__name__)


def decode(body: bytes, path: str) -> Any:
    """A JSON answer. Raises GarbledError where it is none."""
    try:
        return msgspec.json.decode(body)
    except (ValueError, RecursionError) as error:
        raise errors.GarbledError(f"{path}: not JSON: {clip(str(error))}") from error

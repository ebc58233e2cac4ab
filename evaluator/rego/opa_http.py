"""OPA's REST API by aiohttp: the only module that knows either. See the OPA documentation, "REST API".

Errors: UnreachableError where there is no answer, DeadlineError where it did not come
in time, EngineError where the server says no, CompileError for what it says of a policy.
"""

from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import aiohttp
import msgspec

from evaluator.rego.engine import CompileError, EngineError, RefusalError
from evaluator.rego.limits import answer_too_long
from evaluator.rego.opa_text import OpaText
from pipeline.errors import EvaluationError, clip

CONNECTIONS = 16
"""Requests to one server at once."""

_TREE_BYTES = 64 * 2**20
"""Of a policy's compiled tree: about a hundred times its text."""
_OK, _NOT_FOUND = 200, 404
_HEALTH_SECONDS = 5.0


class UnreachableError(EvaluationError):
    """The server did not answer; it may do so later."""


class DeadlineError(EvaluationError):
    """The server did not answer in time."""


class _Location(msgspec.Struct):
    file: str = ""
    row: int = 0
    col: int = 0


class _Problem(msgspec.Struct):
    message: str = ""
    location: _Location = msgspec.field(default_factory=_Location)


class _Problems(msgspec.Struct):
    message: str = ""
    errors: list[_Problem] = []


class _Answer(msgspec.Struct):
    result: list[msgspec.Raw] | None = None


class OpaClient:
    """A server by its URL, `http(s)://host:port` or `unix:///path`; an async context manager."""

    def __init__(self, url: str, answer_limit: int) -> None:
        self.url = url
        self._answer_limit = answer_limit
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        """Prepare connections; the first request opens one."""
        connector: aiohttp.BaseConnector
        if self.url.startswith("unix://"):
            base = "http://opa/"
            connector = aiohttp.UnixConnector(path=urlsplit(self.url).path, limit=CONNECTIONS)
        else:
            base = self.url.rstrip("/") + "/"
            connector = aiohttp.TCPConnector(limit=CONNECTIONS)
        self._session = aiohttp.ClientSession(base, connector=connector)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close connections."""
        if self._session is not None:
            await self._session.close()

    async def put(self, policy: OpaText, deadline: float) -> None:
        """Push a policy. Raises CompileError with line and column of the author's text."""
        text = policy.text.encode("utf-8", "replace")
        status, body = await self._request("PUT", f"v1/policies/{policy.policy_id}", text, deadline)
        if status == _OK:
            return
        problem = _problem(body)
        message = clip(policy.original(problem.message)) or f"the server answered with status {status}"
        place = problem.location
        if place.file and place.file != policy.policy_id:
            raise RefusalError(f"the OPA server holds another policy that does not compile: {message}")
        raise CompileError(message, place.row, policy.column(place.row, place.col))

    async def tree(self, policy: OpaText, deadline: float) -> Any:
        """What the server made of a policy."""
        path = f"v1/policies/{policy.policy_id}"
        status, body = await self._request("GET", path, None, deadline, _TREE_BYTES)
        try:
            return msgspec.json.decode(body)["result"]["ast"]
        except (msgspec.MsgspecError, KeyError, TypeError, RecursionError) as error:
            raise RefusalError(f"the OPA server does not show what it compiled (status {status})") from error

    async def delete(self, policy_id: str, deadline: float) -> None:
        """Take a policy away; one that is not there is fine."""
        await self._request("DELETE", f"v1/policies/{policy_id}", None, deadline)

    async def ask(self, policy: OpaText, document: bytes, deadline: float) -> list[msgspec.Raw] | None:
        """The list of the policy's answer rule. None where the server does not have the policy."""
        path = "/".join(("v1/data", *policy.package, policy.answer))
        status, body = await self._request("POST", path, b'{"input":' + document + b"}", deadline)
        if status == _NOT_FOUND:
            return None
        if status != _OK:
            message = clip(policy.original(_problem(body).message))
            raise EngineError(message or f"the OPA server answered with status {status}")
        try:
            return msgspec.json.decode(body, type=_Answer).result
        except msgspec.MsgspecError as error:
            raise EngineError("the OPA server sent what is no answer") from error

    async def reads_v0(self, deadline: float) -> bool:
        """Whether the server compiles Rego v0, tried with a policy that only v0 accepts."""
        probe = OpaText("probe", "package tocsin.probe\np { true }\n", rego_v1=False, growths=())
        try:
            await self.put(probe, deadline)
        except CompileError:
            return False
        await self.delete(probe.policy_id, deadline)
        return True

    async def version(self) -> str:
        """The server's version, once it says that it is healthy."""
        status, body = await self._request("GET", "health", None, _HEALTH_SECONDS)
        if status != _OK:
            raise EngineError(f"OPA at {self.url} is not healthy: {clip(_problem(body).message)}")
        query = b'{"query": "version := opa.runtime().version"}'
        status, body = await self._request("POST", "v1/query", query, _HEALTH_SECONDS)
        try:
            return str(msgspec.json.decode(body)["result"][0]["version"])
        except (msgspec.MsgspecError, KeyError, IndexError, TypeError):
            return "unknown"  # a server whose authorization forbids the question

    async def _request(
        self, method: str, path: str, data: bytes | None, deadline: float, limit: int = 0
    ) -> tuple[int, bytes]:
        """One request; one more where an idle connection turned out to be closed."""
        for last in (False, True):
            try:
                return await self._once(method, path, data, deadline, limit or self._answer_limit)
            except aiohttp.ServerDisconnectedError as error:
                if last:
                    raise self._unreachable(error) from error
            except TimeoutError as error:
                raise DeadlineError(f"did not finish within its deadline of {deadline:g} s") from error
            except (aiohttp.ClientError, OSError) as error:
                raise self._unreachable(error) from error
        raise AssertionError

    async def _once(
        self, method: str, path: str, data: bytes | None, deadline: float, limit: int
    ) -> tuple[int, bytes]:
        if self._session is None:
            raise UnreachableError(f"the connection to OPA at {self.url} is not open")
        timeout = aiohttp.ClientTimeout(total=deadline)
        async with self._session.request(
            method, path, data=data, timeout=timeout, allow_redirects=False
        ) as response:
            body = bytearray()
            async for chunk in response.content.iter_chunked(1 << 16):
                body += chunk
                if len(body) > limit:
                    raise EngineError(answer_too_long(len(body), limit))
            return response.status, bytes(body)

    def _unreachable(self, error: Exception) -> UnreachableError:
        return UnreachableError(f"OPA at {self.url} cannot be reached: {clip(str(error))}")


def _problem(body: bytes) -> _Problem:
    """The first problem a response names."""
    try:
        problems = msgspec.json.decode(body, type=_Problems)
    except msgspec.MsgspecError:
        return _Problem()
    return problems.errors[0] if problems.errors else _Problem(problems.message)

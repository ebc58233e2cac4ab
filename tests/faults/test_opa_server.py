"""An OPA server that is away, comes back empty, is slow, or of the wrong kind: what verdicts say.

Not covered: what OPA answers (`tests/contract/test_engines.py`), the shape of the pushed
text (`tests/unit/evaluator/test_opa_text.py`).
"""

import asyncio
import json
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from evaluator.rego.backoff import Backoff
from evaluator.rego.choice import choose
from evaluator.rego.engine import CompileError, EngineName, RefusalError, Undefined, Value
from evaluator.rego.engines import Engines
from evaluator.rego.opa import OpaServer
from evaluator.rego.questions import Answer, Failure, Module, Question
from pipeline.settings import EvaluatorSettings
from pipeline.settings_types import EngineChoice
from tests.opa_server import free_port, opa_settings, running_opa

RIGHT = "package sigstore\nisCompliant { data.sigstore.one == input.a }\none = 1"
HANG = """package sigstore
isCompliant { count([1 | numbers.range(1, 100000)[_] + numbers.range(1, 100000)[_] == 3]) == 1 }
"""
ONLY_OPA = 'package sigstore\nisCompliant { graphql.is_valid("{a}", "type Query { a: Int }") }'
YES, NO = b'{"a": 1}', b'{"a": 2}'


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"unix://{tmp_path}/opa.sock"


@pytest.fixture
def settings(url: str) -> EvaluatorSettings:
    return opa_settings(url, workers=1)


@pytest.fixture
def server(url: str) -> Iterator[None]:
    with running_opa(url):
        yield


@asynccontextmanager
async def _opa(settings: EvaluatorSettings) -> AsyncIterator[OpaServer]:
    async with OpaServer(settings, Backoff(first=0.0)) as opa, asyncio.timeout(60):
        yield opa


async def _ask(opa: OpaServer | Engines, module: Module, *documents: bytes) -> list[Answer]:
    return [answer for (answer,) in await opa.evaluate([Question(each, (module,)) for each in documents])]


async def _right(opa: OpaServer) -> Module:
    return await opa.compile(EngineName.OPA, RIGHT)


@pytest.mark.usefixtures("server")
async def test_policies_of_one_package_do_not_meet_in_one_server(settings: EvaluatorSettings) -> None:
    async with _opa(settings) as opa:
        right = await _right(opa)
        other = await opa.compile(EngineName.OPA, RIGHT.replace("one = 1", "one = 2"))
        assert await _ask(opa, right, YES, NO) == [Value(b"true"), Undefined()]
        assert await _ask(opa, other, YES, NO) == [Undefined(), Value(b"true")]


async def test_a_server_by_its_port_is_a_server_too() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with running_opa(url):
        async with _opa(opa_settings(url)) as opa:
            assert await _ask(opa, await _right(opa), YES) == [Value(b"true")]


async def test_a_restart_in_the_middle_costs_the_verdicts_meanwhile_and_nothing_after(
    url: str, settings: EvaluatorSettings
) -> None:
    async with _opa(settings) as opa:
        with running_opa(url):
            right = await _right(opa)
            assert await _ask(opa, right, YES) == [Value(b"true")]
        (answer,) = await _ask(opa, right, YES)
        assert isinstance(answer, Failure)
        assert f"OPA at {url} cannot be reached" in answer.reason
        with running_opa(url):
            assert await _ask(opa, right, *[YES, NO] * 20) == [Value(b"true"), Undefined()] * 20


async def test_a_policy_that_somebody_deletes_is_pushed_again() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with running_opa(url):
        async with _opa(opa_settings(url)) as opa:
            right = await _right(opa)
            (policy,) = await asyncio.to_thread(_policies, url)
            await asyncio.to_thread(_delete, f"{url}/v1/policies/{policy}")
            assert await _ask(opa, right, YES, NO) == [Value(b"true"), Undefined()]
        assert await asyncio.to_thread(_policies, url) == []


def _policies(url: str) -> list[str]:
    with urllib.request.urlopen(f"{url}/v1/policies") as response:  # noqa: S310 - our own server
        return [policy["id"] for policy in json.load(response)["result"]]


def _delete(url: str) -> None:
    urllib.request.urlopen(urllib.request.Request(url, method="DELETE")).close()  # noqa: S310


async def test_a_server_that_is_away_at_the_start_is_used_once_it_is_there(
    url: str, settings: EvaluatorSettings
) -> None:
    async with _opa(settings) as opa:
        right = await _right(opa)
        broken = await opa.compile(EngineName.OPA, "package sigstore\nisCompliant { x := }")
        assert isinstance((await _ask(opa, right, YES))[0], Failure)
        with running_opa(url):
            assert await _ask(opa, right, YES) == [Value(b"true")]
            assert isinstance((await _ask(opa, broken, YES))[0], Failure)


async def test_a_server_that_is_away_is_not_asked_again_at_once(settings: EvaluatorSettings) -> None:
    async with OpaServer(settings, Backoff(first=3600.0, most=3600.0)) as opa:
        right = await _right(opa)
        first, second = await _ask(opa, right, YES), await _ask(opa, right, YES)
        assert first == second  # the same words: a verdict that did not change is not told again


@pytest.mark.usefixtures("server")
async def test_a_policy_that_hangs_costs_only_itself_and_is_set_aside(settings: EvaluatorSettings) -> None:
    quick = opa_settings(settings.opa_url, evaluation_deadline=0.3, quarantine_after=1)
    async with _opa(quick) as opa:
        right, hang = await _right(opa), await opa.compile(EngineName.OPA, HANG)
        ((before, hung, after),) = await opa.evaluate([Question(YES, (right, hang, right))])
        assert before == after == Value(b"true")
        assert hung == Failure("did not finish within its deadline of 0.3 s")
        (again,) = await _ask(opa, hang, YES)
        assert isinstance(again, Failure)
        assert "set aside" in again.reason


@pytest.mark.usefixtures("server")
async def test_an_answer_too_long_is_an_error(settings: EvaluatorSettings) -> None:
    text = 'package sigstore\nisCompliant[{"error": sprintf("%2000000d", [1])}] { true }'
    async with _opa(settings) as opa:
        (answer,) = await _ask(opa, await opa.compile(EngineName.OPA, text), YES)
        assert isinstance(answer, Failure)
        assert "at most" in answer.reason


async def test_a_server_of_rego_v1_refuses_v0_in_one_line_and_reads_v1(
    url: str, settings: EvaluatorSettings
) -> None:
    with running_opa(url, v0=False):
        async with _opa(settings) as opa:
            with pytest.raises(RefusalError, match="--v0-compatible"):
                await _right(opa)
            v1 = await opa.compile(
                EngineName.OPA, "package sigstore\nimport rego.v1\nisCompliant if input.a == 1"
            )
            assert await _ask(opa, v1, YES) == [Value(b"true")]


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(
    "body",
    [
        'count({"a": 1}) == 0 with count as http.send',
        "x := opa.runtime(); x",
        "data.other == 1",
        "input.a == 1 with data.other as 1",
        "x := data[input.a]; x",
        'x := "data"; walk(data, [x, _])',
    ],
)  # fmt: skip
async def test_what_reaches_beyond_the_document_is_refused(settings: EvaluatorSettings, body: str) -> None:
    async with _opa(settings) as opa:
        with pytest.raises((RefusalError, CompileError)):
            await opa.compile(EngineName.OPA, f"package sigstore\nisCompliant {{ {body} }}")


@pytest.mark.usefixtures("server")
async def test_a_compile_error_has_the_place_in_the_authors_text(settings: EvaluatorSettings) -> None:
    text = "package sigstore\nisCompliant { data.sigstore.one; nosuch(1) }\none = 1"
    async with _opa(settings) as opa:
        with pytest.raises(CompileError) as raised:
            await opa.compile(EngineName.OPA, text)
    column = text.splitlines()[1].index("nosuch") + 1
    assert (raised.value.line, raised.value.column) == (2, column)


@pytest.mark.usefixtures("server")
async def test_auto_takes_opa_for_what_the_others_refuse(settings: EvaluatorSettings) -> None:
    async with Engines.start(settings) as engines:
        choice = await choose(engines, EngineChoice.AUTO, ONLY_OPA)
        assert choice.module is not None
        assert choice.module.engine is EngineName.OPA
        assert set(choice.refusals) == {"regorus", "regopy"}
        local = await choose(engines, EngineChoice.AUTO, "package sigstore\nisCompliant { input.a == 1 }")
        assert local.module is not None
        both = (local.module, choice.module, local.module)
        assert await engines.evaluate([Question(YES, both), Question(NO, both)]) == [
            [Value(b"true")] * 3,
            [Undefined(), Value(b"true"), Undefined()],
        ]


async def test_without_a_server_the_reason_says_how_to_have_one() -> None:
    async with Engines.start(opa_settings("", workers=1)) as engines:
        choice = await choose(engines, EngineChoice.OPA, RIGHT)
    assert "TOCSIN_OPA_URL" in choice.error

"""Every engine gives the verdict OPA gives, or refuses: the engines' half of the port.

Covers the table in `rego_cases`, both syntaxes of a policy, the guards, and errors
with their place. Not covered: what a policy may do to its process (`tests/faults`),
and the whole of Rego.
"""

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from evaluator.rego.engine import (
    CompileError,
    EngineError,
    EngineName,
    RefusalError,
    RegoEngine,
    Undefined,
    Value,
)
from evaluator.rego.known_wrong import known_wrong
from evaluator.rego.regopy import Regopy
from evaluator.rego.regopy_builtins import TRUSTED, TRUSTED_ON_INTEGERS
from tests.contract.rego_cases import CASES, DOCUMENT, HELPERS, UNDEFINED, Case, policy
from tests.opa_server import BlockingOpa, opa_settings, running_opa
from tests.services import opa


def _regorus() -> RegoEngine:
    pytest.importorskip("regorus", reason="the regorus extra is not installed")
    from evaluator.rego.regorus import Regorus

    return Regorus()


ENGINES: dict[str, Callable[[], RegoEngine]] = {"regorus": _regorus, "regopy": Regopy}


@pytest.fixture(scope="module")
def opa_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BlockingOpa]:
    url = f"unix://{tmp_path_factory.mktemp('opa')}/opa.sock"
    with running_opa(url):
        engine = BlockingOpa(opa_settings(url))
        yield engine
        engine.close()


@pytest.fixture(params=["opa", *sorted(ENGINES)])
def engine(request: pytest.FixtureRequest) -> RegoEngine:
    if request.param == "opa":
        server: BlockingOpa = request.getfixturevalue("opa_engine")
        return server
    return ENGINES[request.param]()


def _value(engine: RegoEngine, text: str, document: Any = DOCUMENT) -> Any:
    """The value of a policy; false and undefined are one verdict, so they are one value here."""
    answer = engine.compile(text).evaluate(json.dumps(document).encode())
    value = json.loads(answer.json) if isinstance(answer, Value) else UNDEFINED
    return UNDEFINED if value is False else value


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.expression)
def test_an_expression_has_the_value_opa_gives_it_or_is_refused(engine: RegoEngine, case: Case) -> None:
    try:
        value = _value(engine, policy(case))
    except (RefusalError, CompileError, EngineError):
        return
    assert value == (UNDEFINED if case.value is False else case.value)


def test_regorus_refuses_only_expressions_with_what_it_is_known_to_get_wrong() -> None:
    engine = _regorus()
    wrong = known_wrong(EngineName.REGORUS)
    for case in (case for case in CASES if case.builtin not in wrong):
        assert _value(engine, policy(case)) == (UNDEFINED if case.value is False else case.value)


def test_an_opa_server_says_of_each_expression_what_opa_says(opa_engine: BlockingOpa) -> None:
    for case in CASES:
        assert _value(opa_engine, policy(case)) == (UNDEFINED if case.value is False else case.value)


def test_each_builtin_trusted_to_regopy_is_in_the_table() -> None:
    listed = {case.builtin for case in CASES}
    assert listed >= TRUSTED | TRUSTED_ON_INTEGERS


def test_the_table_says_what_opa_says(tmp_path: Path) -> None:
    rules = "\n".join(f"r{number} := {case.expression}" for number, case in enumerate(CASES))
    (tmp_path / "cases.rego").write_text(f"package cases\n\nimport rego.v1\n\n{rules}\n{HELPERS}")
    (tmp_path / "input.json").write_text(json.dumps(DOCUMENT))
    command = [str(opa()), "eval", "--v0-compatible", "-d", "cases.rego", "-i", "input.json", "data.cases"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    values = json.loads(run.stdout)["result"][0]["expressions"][0]["value"]
    got = {case.expression: values.get(f"r{number}", UNDEFINED) for number, case in enumerate(CASES)}
    assert got == {case.expression: case.value for case in CASES}


def test_a_v0_partial_set_is_a_list_of_its_members_in_regos_order(engine: RegoEngine) -> None:
    text = """package sigstore

isCompliant[response] {
  c := input.spec.containers[_]
  response := {"result": false, "error": c.name}
}

isCompliant[{"result": true}] { input.spec.replicas == 3 }
"""
    expected = [
        {"error": "log", "result": False},
        {"error": "web", "result": False},
        {"result": True},
    ]
    assert _value(engine, text) == expected


def test_a_v1_partial_set_is_the_same(engine: RegoEngine) -> None:
    text = """package sigstore
import rego.v1
isCompliant contains {"result": false, "error": c.name} if some c in input.spec.containers
"""
    assert _value(engine, text) == [{"error": "log", "result": False}, {"error": "web", "result": False}]


def test_an_undefined_rule_is_undefined(engine: RegoEngine) -> None:
    module = engine.compile("package sigstore\nisCompliant { input.nothing.here }")
    assert module.evaluate(b"{}") == Undefined()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("package sigstore\nisCompliant { }", id="an empty body"),
        pytest.param("package sigstore\nisCompliant { x := }", id="half an assignment"),
        pytest.param("package other\nisCompliant { true }", id="another package"),
        pytest.param("package sigstore\ncompliant { true }", id="no isCompliant"),
        pytest.param("package sigstore\nf(x) { f(x) }\nisCompliant { f(1) }", id="a recursive function"),
        pytest.param("package sigstore\np { q }\nq { p }\nisCompliant { p }", id="recursive rules"),
        pytest.param("package sigstore\nisCompliant { data.sigstore.isCompliant }", id="recursion by path"),
        pytest.param("package sigstore\nisCompliant { " + "[" * 3000, id="3,000 open brackets"),
        pytest.param("package sigstore\n#" + "x" * 300_000, id="a text too long"),
    ],
)
def test_what_is_no_policy_is_a_compile_error(engine: RegoEngine, text: str) -> None:
    with pytest.raises(CompileError):
        engine.compile(text)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param('http.send({"method": "get", "url": "http://localhost"})', id="the network"),
        pytest.param("opa.runtime().env", id="the environment"),
        pytest.param('net.lookup_ip_addr("localhost")', id="name resolution"),
        pytest.param("nosuch.function(1)", id="an unknown function"),
        pytest.param("false; nosuch.function(1)", id="an unknown function that is never reached"),
    ],
)
def test_what_no_policy_may_call_is_refused(engine: RegoEngine, body: str) -> None:
    with pytest.raises((RefusalError, CompileError)):
        engine.compile(f"package sigstore\nisCompliant {{ {body} }}")


def test_an_unsafe_variable_is_never_evaluated(engine: RegoEngine) -> None:
    text = 'package sigstore\nisCompliant { input.metadata.labels.approved-by == "ann" }'
    with pytest.raises((RefusalError, CompileError)):
        engine.compile(text)


def test_regorus_says_where_an_unsafe_variable_is() -> None:
    text = 'package sigstore\nisCompliant {\n  input.metadata.labels.approved-by == "ann"\n}'
    with pytest.raises(CompileError) as raised:
        _regorus().compile(text)
    assert (raised.value.line, raised.value.column) == (3, 34)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("isCompliant { every x in input.xs { x } }", "every"),
        ("isCompliant { input.a with input as input.b }", "with"),
        ("isCompliant { input.a > input.b }", "counts and constants"),
        ("isCompliant { sort(input.a) }", "sort"),
        ("isCompliant { x := [y | input.a[i]; y := contains]; x }", "keyword"),
        ("isCompliant[x] { x := 1 } { x := 2 }", "chained"),
    ],
)
def test_regopy_refuses_what_it_is_known_to_get_wrong(text: str, reason: str) -> None:
    with pytest.raises(RefusalError, match=reason):
        Regopy().compile(f"package sigstore\n{text}")


def test_a_number_beyond_64_bits_is_an_error_and_not_rounded() -> None:
    module = _regorus().compile("package sigstore\nisCompliant { input.a == input.b }")
    with pytest.raises(EngineError, match="64 bits"):
        module.evaluate(b'{"a": 123456789012345678901234, "b": 123456789012345678901235}')


def test_long_digits_inside_a_string_are_no_number() -> None:
    module = _regorus().compile('package sigstore\nisCompliant { startswith(input.a, "1234") }')
    assert module.evaluate(b'{"a": "123456789012345678901234"}') == Value(b"true")

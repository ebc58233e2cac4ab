"""Policies and documents that hypothesis makes: every engine says what OPA says, or refuses.

The suite's own generated areas are fixed and their counts committed; here policies and
documents are new (in CI always the same ones), and what fails is made small. Not
covered: what neither the grammar of `generated` nor the one below writes.
"""

import asyncio
import json
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluator.rego.engine import EngineName
from tests.conformance import generated, reference
from tests.conformance.answers import Agreement, compare
from tests.conformance.drivers import ENGINES, Driver
from tests.services import opa

_EXAMPLES = 120
"""Policies of each test and engine; some 10 ms each, most of it OPA's and the engine's compilation."""

_TEXTS = st.sampled_from(["", "web", "shop", "nginx:latest", "log", "1", "ä", "a b"])
_NUMBERS = st.sampled_from([0, 1, 3, 80, -2, 1.5, 2**53 - 1, 2**53, -(2**63), 10**20]) | st.integers(-9, 99)
_SCALARS = st.none() | st.booleans() | _NUMBERS | _TEXTS
_ANY = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=6,
)


def _object(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Mostly an object of these fields, each there or not; now and then something else."""
    return st.fixed_dictionaries({}, optional=fields) | _SCALARS


_CONTAINERS = st.lists(
    _object(
        name=_SCALARS,
        image=_SCALARS,
        ports=_ANY,
        securityContext=_object(privileged=_SCALARS),
        resources=_object(limits=_object(cpu=_SCALARS)),
    ),
    max_size=3,
)
_DOCUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "spec": _object(
            containers=_CONTAINERS | _ANY,
            initContainers=_CONTAINERS,
            replicas=_SCALARS,
            hostNetwork=_SCALARS,
            hostPID=_SCALARS,
            securityContext=_object(runAsNonRoot=_SCALARS),
        ),
        "metadata": _object(
            name=_SCALARS, labels=_object(app=_SCALARS) | st.dictionaries(_TEXTS, _SCALARS, max_size=2)
        ),
        "numbers": st.lists(_NUMBERS, max_size=3) | _ANY,
        "mixed": _ANY,
    },
)
_TERMS = st.sampled_from(
    ["input.numbers[0]", "input.numbers[1]", "input.spec.replicas", "count(input.mixed)", "two", "day", "v"]
) | st.integers(-3, 2**53).map(str)
_SUMS = st.recursive(
    _TERMS,
    lambda inner: st.tuples(inner, st.sampled_from(["+", "-", "*", "*", "%"]), inner).map(
        lambda parts: f"({' '.join(parts)})"
    ),
    max_leaves=5,
)


@st.composite
def _calculations(draw: st.DrawFn) -> str:
    """A policy that calculates, and shows or compares the result."""
    left, right = draw(_SUMS), draw(_SUMS)
    compared = draw(st.sampled_from(["==", "<", ">="]))
    body = draw(
        st.sampled_from(
            [
                f"isCompliant = [x] {{ v := input.numbers[_]; x := {left}; x {compared} {right} }}",
                f"isCompliant {{ v := 7; not {left} {compared} {right} }}",
                f"f(two) = x {{ v := two; x := {left} }}\n\nisCompliant = x {{ x := f({draw(_TERMS)}) }}",
                f"isCompliant = x {{ x := {{y | v := input.numbers[_]; y := {left}}} }}",
            ]
        )
    )
    body = body.replace("f(v)", "f(3)")
    return f"package sigstore\n\ntwo = 2\n\nday = 24 * 60 * 60 * two\n\n{body}\n"


class _Judges:
    """OPA and the engines, running."""

    def __init__(self, opa: reference.Reference, runner: asyncio.Runner) -> None:
        self._opa = opa
        self._runner = runner
        self._drivers = {engine: Driver(engine) for engine in ENGINES}

    def check(self, engine: EngineName, policy: str, given: list[Any]) -> None:
        """Fail where the engine gives an answer that is not OPA's."""
        documents = [json.dumps(document).encode() for document in given]
        answers = self._runner.run(self._drivers[engine].answers(policy, documents))
        for document, answer, said in zip(
            documents, answers, self._opa.answers(policy, documents), strict=True
        ):
            assert compare(answer, said) is not Agreement.WRONG, (
                f"{engine} says {answer}, OPA {said} of {document.decode()}:\n{policy}"
            )

    def close(self) -> None:
        """End the engines' processes."""
        for driver in self._drivers.values():
            self._runner.run(driver.close())


@pytest.fixture(scope="module")
def judges(tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Judges]:
    pytest.importorskip("regorus", reason="the regorus extra is not installed")
    with reference.running(opa(), tmp_path_factory.mktemp("opa")) as found, asyncio.Runner() as runner:
        judges = _Judges(found, runner)
        yield judges
        judges.close()


@pytest.mark.parametrize("engine", ENGINES)
@settings(max_examples=_EXAMPLES)
@given(chance=st.randoms(use_true_random=False), documents=st.lists(_DOCUMENTS, min_size=1, max_size=3))
def test_of_any_policy_every_engine_says_what_opa_says(
    judges: _Judges, engine: EngineName, chance: Random, documents: list[Any]
) -> None:
    judges.check(engine, generated.policy(chance), documents)


@pytest.mark.parametrize("engine", ENGINES)
@settings(max_examples=_EXAMPLES)
@given(policy=_calculations(), documents=st.lists(_DOCUMENTS, min_size=1, max_size=3))
def test_of_any_calculation_every_engine_says_what_opa_says(
    judges: _Judges, engine: EngineName, policy: str, documents: list[Any]
) -> None:
    judges.check(engine, policy, documents)

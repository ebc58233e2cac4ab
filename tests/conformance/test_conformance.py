"""Every engine says what OPA says, or refuses: over the whole suite, area by area.

Not covered: what a policy may do to its process (`tests/faults`), and which
engine is chosen for a policy.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from evaluator.rego import known_wrong
from evaluator.rego.engine import EngineName, RegoEngine, Value
from evaluator.rego.regopy import Regopy
from tests.conformance import reference
from tests.conformance.answers import UNDEFINED, Agreement, Valued, compare
from tests.conformance.cases import areas, catalog_policies, policies
from tests.conformance.documents import DOCUMENTS, document
from tests.conformance.drivers import ENGINES, Driver
from tests.conformance.measure import measure, results
from tests.conformance.page import page
from tests.conformance.report import PAGE
from tests.services import OPA_VERSION, opa

_REGENERATE = "run `python -m tests.conformance.report` and look at what changed"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[reference.Reference]:
    with reference.running(opa(), tmp_path_factory.mktemp("opa")) as found:
        yield found


@pytest.mark.parametrize("area", areas())
async def test_no_engine_gives_an_answer_that_is_not_opas(server: reference.Reference, area: str) -> None:
    pytest.importorskip("regorus", reason="the regorus extra is not installed")
    drivers = [Driver(engine) for engine in ENGINES]
    try:
        measured = await measure(area, server, drivers)
    finally:
        for driver in drivers:
            await driver.close()
    assert not measured.wrong, "\n".join(map(str, measured.wrong[:3]))
    assert measured.as_json() == results()[area], _REGENERATE


@pytest.mark.parametrize("engine", ENGINES)
def test_what_is_listed_as_wrong_is_wrong(server: reference.Reference, engine: EngineName) -> None:
    listed = json.loads(known_wrong.FILE.read_text(encoding="utf-8"))[engine.value]
    for name, entry in listed.items():
        text, given = entry["case"], document(entry["document"])
        answer = _unguarded(engine).compile(text).evaluate(given)
        value = Valued.of(Valued.read(answer.json)) if isinstance(answer, Value) else UNDEFINED
        assert compare(value, server.answers(text, [given])[0]) is Agreement.WRONG, f"{name}: {_REGENERATE}"


def _unguarded(engine: EngineName) -> RegoEngine:
    """An engine that may call what it is known to get wrong."""
    if engine is EngineName.REGOPY:
        return Regopy(frozenset())
    pytest.importorskip("regorus", reason="the regorus extra is not installed")
    from evaluator.rego.regorus import Regorus

    return Regorus(frozenset())


@pytest.mark.parametrize("engine", ENGINES)
async def test_the_catalog_is_run_by_every_engine_as_opa_runs_it(
    server: reference.Reference, engine: EngineName
) -> None:
    driver = Driver(engine)
    documents = [document(name) for name in DOCUMENTS]
    try:
        for text in catalog_policies():
            answers = await driver.answers(text, documents)
            for answer, said in zip(answers, server.answers(text, documents), strict=True):
                assert compare(answer, said) is not Agreement.WRONG, f"{answer}, {said}: {text}"
    finally:
        await driver.close()


def test_what_is_vouched_for_is_in_the_catalog() -> None:
    texts = {known_wrong.digest(text) for text in catalog_policies()}
    assert known_wrong.vouched(EngineName.REGOPY) == texts, _REGENERATE


def test_every_area_is_in_the_results() -> None:
    assert sorted(results()) == sorted(areas())


def test_the_suite_has_at_least_1500_cases() -> None:
    assert sum(len(policy.documents) for area in areas() for policy in policies(area)) >= 1500


def test_the_page_shows_the_results_and_the_lists() -> None:
    lists = json.loads(Path(known_wrong.FILE).read_text(encoding="utf-8"))
    assert PAGE.read_text(encoding="utf-8") == page(OPA_VERSION, results(), lists), _REGENERATE

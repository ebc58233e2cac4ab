"""The corpus of hostile policies: each costs itself a verdict, with a reason, and nobody else anything.

`hostile/` holds policies that load on regorus and must fail when evaluated; `hostile/refused/`
those that no engine may load. Each is run between well-behaved policies, and all of them
together through an evaluator. Not covered: kills from outside, cancellation
(`test_worker_pool`), servers (`test_opa_server`).
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from evaluator.app import GROUP, TOPICS, Evaluator
from evaluator.rego.choice import choose
from evaluator.rego.engine import CompileError, EngineName, RefusalError
from evaluator.rego.pool import WorkerPool
from evaluator.rego.questions import Answer, Failure, Module, Question
from evaluator.state import State
from pipeline.bus_memory import MemoryBus
from pipeline.events import Outcome, Topic, Verdict
from pipeline.settings import EvaluatorSettings, load_settings
from pipeline.settings_types import EngineChoice
from tests.integration.evaluator.test_evaluator import NOW, Story

pytest.importorskip("regorus", reason="the regorus extra is not installed")

FOLDER = Path(__file__).parent / "hostile"
LOADED = sorted(FOLDER.glob("*.rego"))
REFUSED = sorted((FOLDER / "refused").glob("*.rego"))
ENGINES = (EngineName.REGORUS, EngineName.REGOPY)

NEIGHBOUR = """package sigstore
isCompliant[{"result": false, "error": input.metadata.name}] { input.metadata.name != "good" }
isCompliant[{"result": true}] { input.metadata.name == "good" }
"""
DOCUMENTS = (b'{"metadata": {"name": "good"}}', b'{"metadata": {"name": "bad"}}')
PATIENCE = 30.0
"""Seconds after which a test gives up: many times all the deadlines in it."""


@pytest.fixture
def settings() -> EvaluatorSettings:
    return replace(
        load_settings().evaluator,
        workers=1,
        evaluation_deadline=0.3,
        compile_deadline=2.0,
        memory_limit=128 * 2**20,
        quarantine_after=1,
    )


@pytest.fixture
async def pool(settings: EvaluatorSettings) -> AsyncIterator[WorkerPool]:
    async with WorkerPool(settings) as pool, asyncio.timeout(PATIENCE):
        yield pool


def _name(path: Path) -> str:
    return path.stem


def test_the_corpus_is_large_enough() -> None:
    assert len(LOADED) >= 25


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("hostile", LOADED, ids=_name)
async def test_a_hostile_policy_is_an_error_and_its_neighbours_say_what_they_said_without_it(
    pool: WorkerPool, engine: EngineName, hostile: Path
) -> None:
    neighbours = [await pool.compile(name, NEIGHBOUR) for name in ENGINES]
    alone = await _answers(pool, neighbours)
    try:
        module = await pool.compile(engine, hostile.read_text())
    except (RefusalError, CompileError):
        return  # how many are not refused: the test below
    beside = await _answers(pool, [neighbours[0], module, neighbours[1]])
    assert [[row[0], row[2]] for row in beside] == alone
    reasons = [row[1].reason for row in beside if isinstance(row[1], Failure)]
    assert len(reasons) == len(DOCUMENTS)
    assert all(reasons)


async def test_most_hostile_policies_are_not_refused_but_contained(pool: WorkerPool) -> None:
    accepted = 0
    for hostile in LOADED:
        try:
            await pool.compile(EngineName.REGORUS, hostile.read_text())
        except (RefusalError, CompileError):
            continue
        accepted += 1
    assert accepted >= 25


async def _answers(pool: WorkerPool, modules: list[Module]) -> list[list[Answer]]:
    return await pool.evaluate([Question(document, tuple(modules)) for document in DOCUMENTS])


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("hostile", REFUSED, ids=_name)
async def test_what_no_engine_may_run_is_refused_with_a_reason(
    pool: WorkerPool, engine: EngineName, hostile: Path
) -> None:
    with pytest.raises((RefusalError, CompileError)) as raised:
        await pool.compile(engine, hostile.read_text())
    assert str(raised.value)


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        pytest.param(b'{"a": ' + b"[" * 501 + b"]" * 501 + b"}", "levels deep", id="deep arrays"),
        pytest.param(b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "levels deep", id="very deep objects"),
        pytest.param(b'"' + b"x" * (17 * 2**20) + b'"', "bytes long", id="a long text"),
    ],
)
@pytest.mark.parametrize("engine", ENGINES)
async def test_a_document_too_deep_or_too_large_is_an_error_and_the_next_one_is_not(
    pool: WorkerPool, engine: EngineName, document: bytes, reason: str
) -> None:
    module = await pool.compile(engine, NEIGHBOUR)
    ((expected,),) = await pool.evaluate([Question(DOCUMENTS[0], (module,))])
    answers = await pool.evaluate([Question(text, (module,)) for text in (document, DOCUMENTS[0])])
    assert isinstance(answers[0][0], Failure)
    assert reason in answers[0][0].reason
    assert answers[1] == [expected]
    assert pool.restarts == 0


async def test_brackets_inside_texts_are_not_depth(pool: WorkerPool) -> None:
    module = await pool.compile(EngineName.REGORUS, NEIGHBOUR)
    text = b'{"metadata": {"name": "good", "x": "' + b'\\"[{' * 1000 + b'"}}'
    assert await pool.evaluate([Question(text, (module,))]) == await pool.evaluate(
        [Question(DOCUMENTS[0], (module,))]
    )


async def test_an_evaluator_with_all_of_them_tells_of_the_others_what_it_tells_without_them(
    settings: EvaluatorSettings,
) -> None:
    hostile = {path.stem.replace("_", "-"): path.read_text() for path in (*LOADED, *REFUSED)}
    without = await _verdicts(settings, {})
    together = await _verdicts(settings, hostile)
    neighbours = {key: verdict for key, verdict in together.items() if key[1] not in hostile}
    assert _said(neighbours) == _said(without)
    assert {verdict.outcome for verdict in without.values()} == {Outcome.PASS, Outcome.FAIL}
    errors = [verdict for key, verdict in together.items() if key[1] in hostile]
    assert len(errors) == 2 * len(hostile)
    assert {verdict.outcome for verdict in errors} == {Outcome.ERROR}
    assert all(verdict.message for verdict in errors)


async def _verdicts(
    settings: EvaluatorSettings, hostile: Mapping[str, str]
) -> dict[tuple[str, str], Verdict]:
    """Two Pods and two good policies, and whatever else; verdicts by Pod and policy."""
    story = Story()
    for name, text in {"a-first": NEIGHBOUR, **hostile, "z-last": NEIGHBOUR}.items():
        story.policy(name, text, policy={"type": "rego", "includeObjectMeta": True, "data": text})
    for name in ("good", "bad"):
        story.resource(name)
    bus = MemoryBus(capacity=10_000)
    async with (
        WorkerPool(settings) as pool,
        bus.consume(GROUP, TOPICS) as consumer,
        bus.consume("test", [Topic.VERDICTS]) as reader,
    ):
        await bus.publish(story.records)
        await bus.seal(Topic.POLICIES)
        await bus.seal(Topic.RESOURCES)
        await Evaluator(settings, pool, State(remember=True), lambda: NOW).run(consumer, bus)
        delivery = await reader.receive(10_000)
    told = [record.event.data for record in delivery.records if record.event]
    return {(item.resource.name, item.policy.name): item for item in told if isinstance(item, Verdict)}


def _said(verdicts: Mapping[tuple[str, str], Verdict]) -> dict[tuple[str, str], tuple[Outcome, str]]:
    return {key: (verdict.outcome, verdict.message) for key, verdict in verdicts.items()}


async def test_choosing_an_engine_says_why_not_the_others(pool: WorkerPool) -> None:
    hostile = (FOLDER / "refused" / "read_environment.rego").read_text()
    choice = await choose(pool, EngineChoice.AUTO, hostile)
    assert choice.module is None
    assert set(choice.refusals) >= {engine.value for engine in ENGINES}
    chosen = await choose(pool, EngineChoice.AUTO, NEIGHBOUR)
    assert chosen.module is not None
    assert chosen.module.engine is EngineName.REGORUS
    assert "not needed" in chosen.refusals["regopy"]

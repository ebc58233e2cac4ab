"""Engines that are watched: evaluations counted and timed. See `evaluator.rego.questions.Rego`."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from evaluator.app import Evaluator
from evaluator.rego.engine import EngineName, Undefined, Value
from evaluator.rego.engines import Engines
from evaluator.rego.questions import Answer, Module, Question, Rego
from evaluator.state import State
from pipeline.telemetry import catalogue
from pipeline.telemetry.metrics import Metrics


@dataclass(frozen=True, slots=True)
class ObservedRego:
    """Engines, and what they are asked and answer."""

    rego: Rego
    metrics: Metrics

    async def compile(self, engine: EngineName, text: str) -> Module:
        """See the port."""
        return await self.rego.compile(engine, text)

    async def evaluate(self, questions: Sequence[Question]) -> list[list[Answer]]:
        """See the port."""
        began = time.monotonic()
        answers = await self.rego.evaluate(questions)
        self.metrics.observe(catalogue.EVALUATION, value=time.monotonic() - began)
        counted = Counter(
            (module.engine.value, _outcome(answer))
            for question, row in zip(questions, answers, strict=True)
            for module, answer in zip(question.modules, row, strict=True)
        )
        for (engine, outcome), number in counted.items():
            self.metrics.count(catalogue.EVALUATIONS, engine, outcome, by=number)
        return answers


def _outcome(answer: Answer) -> str:
    match answer:
        case Value():
            return "answered"
        case Undefined():
            return "undefined"
        case _:
            return "failed"


def measure(metrics: Metrics, engines: Engines, evaluator: Evaluator, state: State) -> None:
    """Have metrics read what engines, memo and state count anyway."""
    memo = evaluator.memo
    metrics.read(catalogue.WORKER_RESTARTS, lambda: {(): engines.restarts})
    metrics.read(catalogue.QUARANTINED, lambda: {(): engines.quarantined()})
    metrics.read(catalogue.MEMO_HITS, lambda: {(): memo.hits})
    metrics.read(catalogue.MEMO_MISSES, lambda: {(): memo.misses})
    metrics.read(catalogue.DISTRUSTED, lambda: {(): len(memo.distrusted)})
    metrics.read(catalogue.POLICIES, lambda: _policies(state))


def _policies(state: State) -> dict[tuple[str, ...], float]:
    broken = sum(bool(loaded.problem) for loaded in state.policies.values())
    return {("working",): len(state.policies) - broken, ("broken",): broken}

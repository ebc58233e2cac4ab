"""Engines that are watched: evaluations counted and timed. See `evaluator.rego.questions.Rego`."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from evaluator.loading import LoadedPolicy
from evaluator.rego.engine import EngineName, Undefined, Value
from evaluator.rego.engines import Engines
from evaluator.rego.memo import Memo
from evaluator.rego.questions import Answer, Module, Question, Rego
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


def measure(
    metrics: Metrics, engines: Engines, memo: Memo, policies: Callable[[], Iterable[LoadedPolicy]]
) -> None:
    """Have metrics read what engines and memo count anyway. `policies`: those there are now."""
    metrics.read(catalogue.WORKER_RESTARTS, lambda: {(): engines.restarts})
    metrics.read(catalogue.QUARANTINED, lambda: {(): engines.quarantined()})
    metrics.read(catalogue.MEMO_HITS, lambda: {(): memo.hits})
    metrics.read(catalogue.MEMO_MISSES, lambda: {(): memo.misses})
    metrics.read(catalogue.DISTRUSTED, lambda: {(): len(memo.distrusted)})
    metrics.read(catalogue.POLICIES, lambda: _states(policies()))


def _states(policies: Iterable[LoadedPolicy]) -> dict[tuple[str, ...], float]:
    broken = [bool(loaded.problem) for loaded in policies]
    return {("working",): broken.count(False), ("broken",): broken.count(True)}

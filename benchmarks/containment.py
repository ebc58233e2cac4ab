"""`make bench BENCH=containment`: what it costs to evaluate policies in processes that may die.

Two questions: how long after its deadline does a policy that hangs have its verdict, and
which share of all the work is pipes and batches. The same evaluations are done in this
process (no containment) and by a pool of one worker; CPU is of both processes together.
Writes benchmarks/results/containment.md.
"""

import asyncio
import json
import resource
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import yaml

import catalog
from benchmarks import pods
from benchmarks.machine import machine
from evaluator.rego.engine import EngineName
from evaluator.rego.pool import WorkerPool
from evaluator.rego.questions import Failure, Question
from evaluator.rego.regorus import Regorus
from pipeline.settings import EvaluatorSettings, load_settings

COUNT = 2_000
BATCH = 64
"""Resources of one call, as `evaluator.app` has it."""
RUNS = 5
BAR = 0.2
HANG = """package sigstore
isCompliant { count([1 | numbers.range(1, 100000)[_] + numbers.range(1, 100000)[_] == 3]) == 1 }
"""
RESULT = Path(__file__).parent / "results" / "containment.md"


@dataclass(frozen=True, slots=True)
class _Cost:
    """Seconds."""

    wall: float
    cpu: float


def main() -> None:
    """Measure, print, write down; exit 1 above the bar."""
    settings = replace(load_settings().evaluator, workers=1, quarantine_after=1_000_000)
    texts, documents = _texts(), _documents()
    evaluations = len(texts) * len(documents)
    alone = _median([_alone(texts, documents) for _ in range(RUNS)])
    pooled = _median([asyncio.run(_pooled(settings, texts, documents)) for _ in range(RUNS)])
    share = 1 - alone.cpu / pooled.cpu
    hangs = sorted(asyncio.run(_hang(settings)) for _ in range(RUNS))
    when = datetime.now(UTC).date().isoformat()
    lines = [
        "# Containment",
        "",
        f"{when}; {machine()}; medians of {RUNS} runs; `make bench BENCH=containment`.",
        "",
        f"{COUNT:,} Pods of {pods.TEMPLATES} templates under the {len(texts)} policies of the catalog's",
        f"baseline: {evaluations:,} evaluations by regorus, one worker, no memo.",
        "",
        "| | wall s | CPU s, all processes | evaluations/s |",
        "|---|---:|---:|---:|",
        _row("in this process, not contained", alone, evaluations),
        _row("in a worker process", pooled, evaluations),
        "",
        f"Share of pipes and batches in all CPU: **{share:.1%}** (bar: below {BAR:.0%}).",
        "",
        f"From the deadline of a policy that hangs ({settings.evaluation_deadline:g} s) to its verdict, the",
        f"worker replaced and its neighbours answered: median **{1000 * statistics.median(hangs):.0f} ms**,",
        f"worst {1000 * hangs[-1]:.0f} ms.",
    ]
    text = "\n".join(lines) + "\n"
    sys.stdout.write(text)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(text, encoding="utf-8")
    sys.exit(share >= BAR)


def _row(name: str, cost: _Cost, evaluations: int) -> str:
    return f"| {name} | {cost.wall:.2f} | {cost.cpu:.2f} | {evaluations / cost.wall:,.0f} |"


def _texts() -> list[str]:
    """The catalog's baseline."""
    files = sorted(catalog.baseline().glob("*.yaml"))
    return [yaml.safe_load(file.read_text(encoding="utf-8"))["spec"]["policy"]["data"] for file in files]


def _documents() -> list[bytes]:
    """Input documents of seeded Pods."""
    return [
        json.dumps({"spec": pod["spec"], "metadata": pod["metadata"]}).encode() for pod in pods.pods(COUNT)
    ]


def _alone(texts: Sequence[str], documents: Sequence[bytes]) -> _Cost:
    """Every evaluation in this process."""
    modules = [Regorus().compile(text) for text in texts]
    wall, cpu = time.perf_counter(), _cpu()
    for document in documents:
        for module in modules:
            module.evaluate(document)
    return _Cost(time.perf_counter() - wall, _cpu() - cpu)


async def _pooled(settings: EvaluatorSettings, texts: Sequence[str], documents: Sequence[bytes]) -> _Cost:
    """Every evaluation by a worker; less what a worker costs that has next to nothing to do."""
    idle = await _ask(settings, texts, documents[:1])
    busy = await _ask(settings, texts, documents)
    return _Cost(busy.wall - idle.wall, busy.cpu - idle.cpu)


async def _ask(settings: EvaluatorSettings, texts: Sequence[str], documents: Sequence[bytes]) -> _Cost:
    wall, cpu = time.perf_counter(), _cpu()
    async with WorkerPool(settings) as pool:
        modules = tuple([await pool.compile(EngineName.REGORUS, text) for text in texts])
        questions = [Question(document, modules) for document in documents]
        batches = (questions[start : start + BATCH] for start in range(0, len(questions), BATCH))
        await asyncio.gather(*(pool.evaluate(batch) for batch in batches))
    return _Cost(time.perf_counter() - wall, _cpu() - cpu)


async def _hang(settings: EvaluatorSettings) -> float:
    """Seconds that the verdicts of a batch come later than the deadline of the policy that hangs in it."""
    async with WorkerPool(settings) as pool:
        right = await pool.compile(EngineName.REGORUS, "package sigstore\nisCompliant { true }")
        hang = await pool.compile(EngineName.REGORUS, HANG)
        await pool.evaluate([Question(b"{}", (right,))])
        start = time.perf_counter()
        ((_, answer, _),) = await pool.evaluate([Question(b"{}", (right, hang, right))])
        late = time.perf_counter() - start - settings.evaluation_deadline
    if not isinstance(answer, Failure):
        sys.exit(f"the policy that hangs answered {answer}")
    return late


def _cpu() -> float:
    """Of this process and of the children that have ended."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _median(costs: Sequence[_Cost]) -> _Cost:
    return _Cost(
        statistics.median(cost.wall for cost in costs), statistics.median(cost.cpu for cost in costs)
    )


if __name__ == "__main__":
    main()

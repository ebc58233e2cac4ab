"""`make bench BENCH=engines`: what one evaluation costs on each engine, and what the memo saves.

Writes benchmarks/results/engines.md. The same policies and Pods for each; one core.
"""

import asyncio
import json
import statistics
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import regorus
import yaml
from regopy import Input

import catalog
from benchmarks import opa, pods
from benchmarks.machine import machine
from benchmarks.timing import Timed, timed
from evaluator.policies.document import Document
from evaluator.rego.engine import EngineName, RegoEngine
from evaluator.rego.memo import SHADOWED, Memo, Query
from evaluator.rego.pool import WorkerPool
from evaluator.rego.questions import Evaluates, Module, Question
from evaluator.rego.regopy import Regopy
from evaluator.rego.regorus import Regorus
from pipeline.settings import load_settings
from tests.services import opa_path

POLICIES = 10
DOCUMENTS = 50
REPLICAS = 3_000
RESULT = Path(__file__).parent / "results" / "engines.md"
_US = 1e-6


def main() -> None:
    """Measure everything, print it, and write it down."""
    texts = [_text(path) for path in sorted(catalog.baseline().glob("*.yaml"))[:POLICIES]]
    documents = [_document(pod) for pod in pods.pods(DOCUMENTS)]
    encoded = [document.encode() for document in documents]
    lines = [*_head(), *_in_process(texts, encoded), *_opa(texts, encoded), *asyncio.run(_pool(texts)), ""]
    text = "\n".join(lines)
    sys.stdout.write(text)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(text, encoding="utf-8")


def _text(path: Path) -> str:
    return str(yaml.safe_load(path.read_text(encoding="utf-8"))["spec"]["policy"]["data"])


def _document(pod: dict[str, object]) -> Document:
    return Document({"authorityMatches": {"authority-0": {"static": True}}, "spec": pod["spec"]})


def _head() -> list[str]:
    when = datetime.now(UTC).date().isoformat()
    return [
        "# Rego engines side by side",
        "",
        f"{when}; {machine()}, shared with other work: compare within the table.",
        f"{POLICIES} policies of the catalog's baseline, {DOCUMENTS} Pods of 60 to 120 leaves;",
        "microseconds for one policy on one Pod, least and median of 7 runs (OPA's server: 3), one at",
        "a time, on one core; `opa bench`: mean over the policies, on one Pod.",
        "",
        "| engine | us, least | us, median | evaluations/s | beside regorus |",
        "|---|---:|---:|---:|---:|",
    ]


_reference: list[float] = []


def _row(name: str, found: Timed) -> str:
    _reference.append(found.median)
    times = found.median / _reference[0]
    return f"| {name} | {found.cells(_US)} | {1 / found.median:,.0f} | {times:.2f} |"


def _in_process(texts: Sequence[str], documents: Sequence[bytes]) -> list[str]:
    lines: list[str] = []
    builders: list[tuple[str, RegoEngine, Callable[[bytes], object]]] = [
        ("regorus", Regorus(), _regorus_input()),
        ("regopy", Regopy(), lambda document: Input(json.loads(document))),
    ]
    for name, engine, build in builders:
        modules = [engine.compile(text) for text in texts]

        def evaluate(modules: Sequence[object] = modules) -> None:
            for document in documents:
                for module in modules:
                    module.evaluate(document)  # type: ignore[attr-defined]

        def build_all(build: Callable[[bytes], object] = build) -> None:
            for document in documents:
                build(document)

        lines.append(_row(f"{name}, input built each time", timed(evaluate, len(texts) * len(documents))))
        lines.append(_row(f"{name}: of which the input", timed(build_all, len(documents))))
    return lines


def _regorus_input() -> Callable[[bytes], object]:
    engine = regorus.Engine()
    return lambda document: engine.set_input_json(document.decode())


def _opa(texts: Sequence[str], documents: Sequence[bytes]) -> list[str]:
    binary = opa_path()
    if not binary.exists():
        return ["| OPA: not on this machine, run `make services` | | | | |"]
    with opa.server(binary, texts) as server:
        each = opa.ask_each(server, len(texts), documents[:10])
        together = opa.ask_together(server, len(texts), documents)
    inside = [opa.bench(binary, text, documents[0]) for text in texts]
    return [
        _row("OPA server over HTTP, a request for each policy", each),
        _row(f"OPA server over HTTP, a request for {len(texts)} policies", together),
        _row("OPA inside its process, input at hand (`opa bench`)", Timed.of([statistics.mean(inside)], 1)),
    ]


async def _pool(texts: Sequence[str]) -> list[str]:
    """One worker process, with and without the memo, on replicas as a cluster has them."""
    documents = [_document(pod) for pod in pods.pods(REPLICAS)]
    async with WorkerPool(load_settings().evaluator) as pool:
        modules = tuple([await pool.compile(EngineName.REGORUS, text) for text in texts])
        plain = await _through(_Plain(pool), documents[:DOCUMENTS], modules, runs=5)
        memo = Memo(pool)
        first = await _through(memo, documents, modules, runs=1)
        asked = memo.misses
        again = await _through(memo, documents, modules, runs=5)
    share = 1 - asked / (REPLICAS * len(texts))
    return [
        _row("regorus in a worker process, batches of 64", plain),
        _row(f"with the memo, {REPLICAS:,} Pods of {pods.TEMPLATES} templates", first),
        _row("with the memo, all of it seen before", again),
        "",
        f"The memo answered {share:.1%} of {REPLICAS * len(texts):,} evaluations; no two Pods have the same",
        f"spec (node and token volume differ). The first {SHADOWED} evaluations of each policy, and the",
        f"first {SHADOWED} answers from memory, are made twice, to check its read set.",
    ]


class _Plain:
    """Queries straight to the pool."""

    def __init__(self, pool: Evaluates) -> None:
        self._pool = pool

    async def evaluate(self, queries: Sequence[Query]) -> object:
        return await self._pool.evaluate(
            [Question(query.document.encode(), query.modules) for query in queries]
        )


async def _through(
    where: "Memo | _Plain", documents: Sequence[Document], modules: tuple[Module, ...], runs: int
) -> Timed:
    seconds: list[float] = []
    clock = asyncio.get_running_loop().time
    for run in range(runs + 1):
        start = clock()
        for begin in range(0, len(documents), 64):
            await where.evaluate([Query(document, modules) for document in documents[begin : begin + 64]])
        if run or runs == 1:
            seconds.append(clock() - start)
        if runs == 1:
            break
    return Timed.of(seconds, len(documents) * len(modules))


if __name__ == "__main__":
    main()

"""What `benchmarks.pipeline` measured, part by part, and the page of it. Pure.

Parts are measured by themselves, each in a few minutes; `results/pipeline.json` holds the last
figures of each, and `results/pipeline.md` is made of them.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

FIGURES = Path(__file__).parent / "results" / "pipeline.json"
PAGE = FIGURES.with_suffix(".md")
_PROCESSES = ("evaluators", "their workers", "sink", "Kafka", "PostgreSQL", "publisher")


class Conditions(msgspec.Struct, frozen=True):
    """When and on what a part was measured. `busy`: processes that wanted a core when it began."""

    date: str
    machine: str
    busy: float


class Throughput(msgspec.Struct, frozen=True):
    """As fast as it goes. Rates are of a second; `cpu`: milliseconds a change, by process."""

    conditions: Conditions
    pods: int
    policies: int
    changes: int
    evaluators: int
    first_verdicts: float
    changes_rate: float
    cpu: dict[str, float]
    cores: float


class Delays(msgspec.Struct, frozen=True):
    """From the log to the row, in ms, at a rate of changes a second; bytes and `cpu` of a change."""

    share: float
    rate: float
    p50: float
    p99: float
    most: float
    resource_bytes: float
    verdict_bytes: float
    cpu: dict[str, float]
    cores: float


class Latency(msgspec.Struct, frozen=True):
    """At shares of a limit, which is in changes a second."""

    conditions: Conditions
    limit: float
    seconds: float
    delays: list[Delays]


class Size(msgspec.Struct, frozen=True):
    """Bytes of a Pod with its verdicts, after a first list; in memory, what the second half of them added."""

    conditions: Conditions
    pods: int
    policies: int
    on_topics: dict[str, float]
    in_memory: float
    in_database: float
    seconds: float


class Sweep(msgspec.Struct, frozen=True):
    """All Pods judged again after a change of their policy, with live changes in between.

    `cpu`: seconds, by process; `live`: p50, p99 and most of live changes, in milliseconds, at
    `live_rate` a second.
    """

    conditions: Conditions
    pods: int
    seconds: float
    cpu: dict[str, float]
    live_rate: float
    live: tuple[float, float, float]
    takeover_pods: int
    takeover_seconds: float


class Figures(msgspec.Struct):
    """The last of each part; None where it was never measured."""

    throughput: dict[str, Throughput] = {}
    """By number of evaluators."""
    latency: Latency | None = None
    size: Size | None = None
    sweep: Sweep | None = None


def load() -> Figures:
    """What was measured before."""
    return msgspec.json.decode(FIGURES.read_bytes(), type=Figures) if FIGURES.exists() else Figures()


def save(figures: Figures) -> None:
    """Keep the figures, and write the page of them."""
    FIGURES.write_bytes(msgspec.json.format(msgspec.json.encode(figures, order="sorted")) + b"\n")
    PAGE.write_text("\n".join(page(figures)) + "\n", encoding="utf-8")


def page(figures: Figures) -> Iterator[str]:
    """The lines of `results/pipeline.md`."""
    yield """# The pipeline on Kafka

One broker, 12 partitions; PostgreSQL without fsync; one sink; one worker for each evaluator; all of it and
the publisher on the cores of one machine. Pods are copies of templates, each under a name of its own;
policies are the catalog's. Each part is measured by itself: `make bench BENCH=pipeline PART=latency`."""
    yield from _throughput([figures.throughput[each] for each in sorted(figures.throughput, key=int)])
    if figures.latency:
        yield from _latency(figures.latency)
    if figures.sweep:
        yield from _sweep(figures.sweep)
    if figures.size:
        yield from _size(figures.size)


def _head(title: str, *conditions: Conditions) -> Iterator[str]:
    dates = sorted({each.date for each in conditions})
    busy = ", ".join(f"{each.busy:.1f}" for each in conditions)
    yield f"""
## {title}

{", ".join(dates)}; {conditions[0].machine}; processes that wanted a core when it began: {busy}."""


def _throughput(rows: Sequence[Throughput]) -> Iterator[str]:
    if not rows:
        return
    yield from _head("Changes a second", *(row.conditions for row in rows))
    yield f"""\
{rows[0].pods:,} Pods and {rows[0].policies} policies, then {rows[0].changes:,} changes, each of which turns
one verdict. CPU in ms a change. Compare rows where as many processes wanted a core (above, in their order).
"""
    yield from _table(
        [
            "evaluators",
            "first verdicts/s",
            "changes/s",
            *(f"CPU: {name}" for name in _PROCESSES),
            "cores busy",
        ],
        [
            [
                str(row.evaluators),
                f"{row.first_verdicts:,.0f}",
                f"{row.changes_rate:,.0f}",
                *(f"{row.cpu[name]:.2f}" for name in _PROCESSES),
                f"{row.cores:.1f}",
            ]
            for row in rows
        ],
    )


def _latency(latency: Latency) -> Iterator[str]:
    yield from _head("From a change on the log to its row", latency.conditions)
    yield f"""\
Two evaluators, {latency.seconds:.0f} s each, at shares of {latency.limit:,.0f} changes a second. Each change
is published by itself: bytes on the log (zstd) are of records that hardly share a batch.
"""
    yield from _table(
        [
            "share",
            "changes/s",
            "p50 ms",
            "p99 ms",
            "max ms",
            "resource bytes a change",
            "verdict bytes",
            *(f"CPU ms: {name}" for name in _PROCESSES),
            "cores busy",
        ],
        [
            [
                f"{row.share:.0%}",
                *(f"{value:,.0f}" for value in (row.rate, row.p50, row.p99, row.most)),
                f"{row.resource_bytes:,.0f}",
                f"{row.verdict_bytes:,.0f}",
                *(f"{row.cpu[name]:.2f}" for name in _PROCESSES),
                f"{row.cores:.1f}",
            ]
            for row in latency.delays
        ],
    )


def _sweep(sweep: Sweep) -> Iterator[str]:
    yield from _head("After a change of a policy, and of who has a partition", sweep.conditions)
    used = ", ".join(f"{name} {sweep.cpu[name]:.1f}" for name in _PROCESSES)
    p50, p99, most = sweep.live
    yield f"""\
{sweep.pods:,} Pods of one policy, two evaluators. The policy changes: as many new verdicts are in rows after
{sweep.seconds:.1f} s, {sweep.pods / sweep.seconds:,.0f} a second (CPU seconds: {used}).
Live changes meanwhile, {sweep.live_rate:.0f} a second, are in rows after {p50:,.0f} ms (p50),
{p99:,.0f} ms (p99), {most:,.0f} ms at most.

One of the two ends: the other has built the state of its {sweep.takeover_pods:,} Pods and told a change in
each partition after {sweep.takeover_seconds:.1f} s."""


def _size(size: Size) -> Iterator[str]:
    yield from _head("Bytes of a Pod", size.conditions)
    yield f"""\
{size.pods:,} Pods and {size.policies} policies after a first list, two evaluators; verdicts were in rows
after {size.seconds:.0f} s. On the log (zstd, one copy), in memory of evaluators (what the second half of the
Pods added), in PostgreSQL with indexes:
"""
    yield from _table(
        [*sorted(size.on_topics), "memory", "PostgreSQL"],
        [
            [
                *(f"{size.on_topics[name]:,.0f}" for name in sorted(size.on_topics)),
                f"{size.in_memory:,.0f}",
                f"{size.in_database:,.0f}",
            ]
        ],
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---:|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"

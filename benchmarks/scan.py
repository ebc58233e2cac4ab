"""`make bench BENCH=scan`: how long one audit takes, what it costs, and where the time goes.

Writes benchmarks/results/scan.md. Machines differ and are shared: each figure is the
median of some runs, and ratios within one table say more than seconds.
"""

import asyncio
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from os import cpu_count
from pathlib import Path

import catalog
from benchmarks import pods
from benchmarks.measure import Measured, measure
from benchmarks.stages import stages

COUNTS = (1_000, 10_000)
POLICIES = (1, 5, 10)
RUNS = 3
RESULT = Path(__file__).parent / "results" / "scan.md"
_TOCSIN = str(Path(sys.executable).with_name("tocsin"))
_MIB = 2**20


def main() -> None:
    """Measure everything, print it, and write it down."""
    with tempfile.TemporaryDirectory() as folder:
        lines = [*_head(), *_scans(Path(folder)), *_help(), *_stages(Path(folder))]
    text = "\n".join(lines) + "\n"
    sys.stdout.write(text)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(text, encoding="utf-8")


def _head() -> list[str]:
    when = datetime.now(UTC).date().isoformat()
    machine = f"{cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    return [
        "# `tocsin scan`",
        "",
        f"{when}; {machine}; medians of {RUNS} runs. Pods: {pods.TEMPLATES} seeded templates of 60 to",
        "120 leaves, the rest replicas, as YAML; policies: the first of the catalog's baseline; peak:",
        "proportional set size of the whole process tree.",
        "",
    ]


def _scans(folder: Path) -> list[str]:
    lines = ["| Pods | policies | wall s | CPU s | peak MiB | Pods/s |", "|---:|---:|---:|---:|---:|---:|"]
    for count in COUNTS:
        manifest = folder / f"{count}.yaml"
        pods.write(manifest, count)
        for number in POLICIES:
            run = _median([_scan(manifest, number) for _ in range(RUNS)])
            lines.append(
                f"| {count:,} | {number} | {run.wall:.2f} | {run.cpu:.2f} | {run.peak / _MIB:.0f} "
                f"| {count / run.wall:,.0f} |"
            )
    return [*lines, ""]


def _scan(manifest: Path, number: int) -> Measured:
    options = [option for path in _policies(number) for option in ("-p", str(path))]
    run = measure([_TOCSIN, "scan", str(manifest), *options, "-o", "json"])
    if run.status != 0:
        sys.exit(f"tocsin scan failed with exit code {run.status}")
    return run


def _policies(number: int) -> list[Path]:
    return sorted(catalog.baseline().glob("*.yaml"))[:number]


def _help() -> list[str]:
    run = _median([measure([_TOCSIN, "--help"]) for _ in range(5)])
    return [f"`tocsin --help`: {run.wall:.2f} s wall, {run.cpu:.2f} s CPU.", ""]


def _median(runs: Sequence[Measured]) -> Measured:
    return Measured(
        statistics.median(run.wall for run in runs),
        statistics.median(run.cpu for run in runs),
        int(statistics.median(run.peak for run in runs)),
        max(run.status for run in runs),
    )


def _stages(folder: Path) -> list[str]:
    """CPU of each stage on 1,000 Pods and 10 policies, one after the other in one process."""
    manifest = folder / f"{COUNTS[0]}.yaml"
    start = time.perf_counter()
    split = asyncio.run(stages(manifest, _policies(10)))
    total = time.perf_counter() - start
    lines = ["| stage | wall s, alone |", "|---|---:|"]
    lines += [f"| {name} | {seconds:.3f} |" for name, seconds in split.items()]
    return [f"{COUNTS[0]:,} Pods and 10 policies, stage after stage ({total:.1f} s):", "", *lines]


if __name__ == "__main__":
    main()

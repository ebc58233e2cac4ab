"""`make bench BENCH=scan`: how long one audit takes, what it costs, and where the time goes.

Writes benchmarks/results/scan.md. Machines differ and are shared: least and median of
some runs, and ratios within one table say more than seconds.
"""

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from os import getloadavg
from pathlib import Path

import catalog
from benchmarks import gator, pods
from benchmarks.machine import machine
from benchmarks.measure import Measured, measure
from benchmarks.stages import stages

SIZES = (
    (1_000, (1, 5, 10), 3),
    (10_000, (1, 5, 10), 2),
    (100_000, (10,), 1),
)
"""Pods, numbers of policies, runs."""

STAGED = 10_000
RESULT = Path(__file__).parent / "results" / "scan.md"
_TOCSIN = str(Path(sys.executable).with_name("tocsin"))
_MIB = 2**20
_COLUMNS = [
    "| {} | Pods | policies | wall s, least | wall s, median | CPU s | peak MiB | Pods/s |",
    "|---|---:|---:|---:|---:|---:|---:|---:|",
]


def main() -> None:
    """Measure everything, print it, and write it down."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for count, _, _ in SIZES:
            pods.write(folder / f"{count}.yaml", count)
        lines: list[str] = []
        for part in (_head(), _help(), _stages(folder), _scans(folder), _gator(folder)):
            for line in part:
                print(line, flush=True)  # as it is measured: the whole takes minutes
                lines.append(line)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _head() -> list[str]:
    when = datetime.now(UTC).date().isoformat()
    return [
        "# `tocsin scan`",
        "",
        f"{when}; {machine()}; {getloadavg()[0]:.1f} processes wanted a core when this",
        "began, so that wall may be more than it need be. CPU and peak (proportional set size) are medians,",
        f"of the whole process tree. Pods: {pods.TEMPLATES} seeded templates of 60 to 120 leaves, the rest",
        "replicas, each with a node and a token volume of its own, as YAML; policies: the first of the",
        "catalog's baseline.",
        "",
    ]


def _scans(folder: Path) -> Iterator[str]:
    yield _COLUMNS[0].format("tocsin scan")
    yield _COLUMNS[1]
    _scan(folder / f"{SIZES[0][0]}.yaml", 1)  # the first one may have bytecode to write
    for count, numbers, times in SIZES:
        for number in numbers:
            runs = [_scan(folder / f"{count}.yaml", number) for _ in range(times)]
            yield _row("", count, number, runs)
    yield ""


def _scan(manifest: Path, number: int) -> Measured:
    options = [option for path in _policies(number) for option in ("-p", str(path))]
    return _checked([_TOCSIN, "scan", str(manifest), *options, "-o", "json"], 0)


def _checked(command: Sequence[str], status: int) -> Measured:
    run = measure(command)
    if run.status != status:
        sys.exit(f"{' '.join(command[:2])} ended with exit code {run.status}, expected {status}")
    return run


def _row(name: str, count: int, number: int, runs: Sequence[Measured]) -> str:
    walls = [run.wall for run in runs]
    wall = statistics.median(walls)
    return (
        f"| {name} | {count:,} | {number} | {min(walls):.2f} | {wall:.2f} | {_median(runs, _cpu):.2f} "
        f"| {_median(runs, _peak) / _MIB:.0f} | {count / min(walls):,.0f} |"
    )


def _cpu(run: Measured) -> float:
    return run.cpu


def _peak(run: Measured) -> float:
    return run.peak


def _median(runs: Sequence[Measured], of: Callable[[Measured], float]) -> float:
    return statistics.median(map(of, runs))


def _policies(number: int) -> list[Path]:
    return sorted(catalog.baseline().glob("*.yaml"))[:number]


def _gator(folder: Path) -> Iterator[str]:
    """The same audit by Gatekeeper, and whether it finds as much."""
    if not gator.binary().exists():
        yield f"Gatekeeper's gator {gator.VERSION} is not on this machine (see benchmarks/gator.py)."
        return
    yield _COLUMNS[0].format(f"gator test {gator.VERSION}")
    yield _COLUMNS[1]
    found = 0
    for count, number, times in ((1_000, 1, 3), (1_000, 10, 3), (10_000, 10, 1)):
        templates = folder / f"gator-{number}"
        gator.write_templates(_policies(number), templates)
        found = gator.violations(folder / "1000.yaml", templates)
        command = gator.command(folder / f"{count}.yaml", templates)
        yield _row("", count, number, [_checked(command, 1 if found else 0) for _ in range(times)])
    yield ""
    ours = _violations(folder / "1000.yaml", 10)
    yield f"In 1,000 Pods, with 10 policies: {ours} violations by tocsin, {found} by gator."


def _violations(manifest: Path, number: int) -> int:
    options = [option for path in _policies(number) for option in ("-p", str(path))]
    command = [_TOCSIN, "scan", str(manifest), *options, "-o", "json"]
    return len(json.loads(subprocess.run(command, capture_output=True, check=True).stdout)["violations"])


def _help() -> Iterator[str]:
    runs = [measure([_TOCSIN, "--help"]) for _ in range(7)]
    walls = [run.wall for run in runs]
    yield f"`tocsin --help`: {min(walls):.2f} s wall at the least, median {statistics.median(walls):.2f} s."
    yield ""


def _stages(folder: Path) -> Iterator[str]:
    """CPU of each stage, one after the other in one process."""
    split = asyncio.run(stages(folder / f"{STAGED}.yaml", _policies(10)))
    total = sum(seconds for name, seconds in split.seconds.items() if name[0] != "(")
    asked = split.hits + split.misses
    yield f"{STAGED:,} Pods and 10 policies, stage after stage, CPU of the main process (documents"
    yield "are decoded in another one, after the first 3 MiB); the memo answered"
    yield f"{split.hits / asked:.1%} of {asked:,} evaluations:"
    yield ""
    yield "| stage | CPU s, alone | share |"
    yield "|---|---:|---:|"
    for name, seconds in split.seconds.items():
        yield f"| {name} | {seconds:.3f} | {seconds / total:.0%} |"
    yield ""


if __name__ == "__main__":
    main()

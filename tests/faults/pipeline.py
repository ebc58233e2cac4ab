"""`make faults SUITE=pipeline SEED=n`: whatever breaks, the rows are those of an undisturbed run.

Real Kafka, real PostgreSQL, and `tocsin watch`, `evaluate` (three) and `sink` (two) as processes.
In each round files are changed (`manifest_work`) while something breaks (`breaking`); then
everybody comes to rest, as offsets and the undisturbed run (`reference`) say. In the end the log
and the tables are compared with the undisturbed run's (`accounts` says what has to be equal, and
why), with a scan of the files as they are, and with what a new sink makes of the whole log.

Not covered: a live cluster as the source (SUITE=watcher), tombstones of verdicts that are final
(files come back, so that none is), and what compaction itself does: the last record of a key is
what it keeps.
"""

import argparse
import asyncio
import logging
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests import postgres
from tests.faults.breaking import FAULTS, in_short, undone
from tests.faults.disturbed import suite
from tests.faults.manifest_work import Size
from tests.kafka import broker as kafka_broker
from tests.services import kafka

FULL = Size(resources=400, rounds=28, calm=380, stormy=340)
FAULTS_IN_A_ROUND = 4 / 3


async def _run(seed: int, size: Size, faults: int, folder: Path) -> list[str]:
    (folder / "kafka").mkdir()
    began = time.monotonic()
    with kafka_broker.running(kafka(), folder / "kafka") as broker, postgres.own() as database:
        async with suite(broker, database, folder, seed, size, _say) as run:
            problems = await run.run(size.rounds, faults)
            logs = folder.glob("evaluator-*.log")
            run.counts["partitions begun again"] = sum(
                log.read_text(encoding="utf-8", errors="replace").count("begins again") for log in logs
            )
    if not problems:
        problems = undone(run.breaking.counts)
    _say(f"{time.monotonic() - began:.0f} s; {_counted(run.work.done)}")
    _say(f"faults: {_counted(in_short(run.breaking.counts))}; {_counted(run.breaking.counts)}")
    _say(f"in the end: {_counted(run.counts)}")
    if problems:
        for line in problems[:50]:
            _say(line[:600])
        for log in sorted(folder.glob("*.log")):
            _say(f"--- {log.name}\n{log.read_text(encoding='utf-8', errors='replace')[-2000:]}")
    return problems


def main() -> int:
    """Run one seed; exits 0 only when nothing was lost or doubled."""
    parser = argparse.ArgumentParser(prog="make faults SUITE=pipeline")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--rounds", type=int, default=FULL.rounds)
    parser.add_argument("--keep", type=Path, default=None, help="a new folder for files and logs, kept")
    options = parser.parse_args()
    seed = random.SystemRandom().randrange(2**32) if options.seed is None else options.seed
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # the broker is away again and again
    _say(f"seed {seed}")
    size = Size(FULL.resources, options.rounds, FULL.calm, FULL.stormy)
    faults = max(len(FAULTS), int(FAULTS_IN_A_ROUND * options.rounds))
    with tempfile.TemporaryDirectory(prefix="tocsin-faults-") as temporary:
        folder = options.keep or Path(temporary)
        folder.mkdir(exist_ok=True)
        problems = asyncio.run(_run(seed, size, faults, folder))
    _say(f"seed {seed}: {f'{len(problems)} problems' if problems else 'nothing lost, nothing doubled'}")
    return 1 if problems else 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))


if __name__ == "__main__":
    sys.exit(main())

"""`make bench BENCH=deliver`: how many events a second `tocsin deliver` posts, to one and to ten subscribers.

Writes benchmarks/results/deliver.md. Verdicts are on a real Kafka before the service starts;
subscribers answer at once, in another process (`benchmarks.deliver_server`). Counted from the
first request to the last; CPU and memory are the service's.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from os import getloadavg
from pathlib import Path

import psutil
import yaml

from benchmarks.deliver_server import Counter, counting
from benchmarks.machine import machine
from pipeline.bus import Record
from pipeline.kafka import topics
from pipeline.kafka.producing import Producer
from pipeline.settings import load_settings
from tests.faults.processes import Service
from tests.kafka.broker import Broker, running
from tests.services import kafka
from tests.verdicts import verdict

EVENTS = 2_000
RESOURCES = 500
BATCH = 500
PARTITIONS = 12
PATIENCE = 300.0
RESULT = Path(__file__).parent / "results" / "deliver.md"
_MIB = 2**20


@dataclass(frozen=True, slots=True)
class Case:
    """How many subscribers, and how they are delivered to. `taken`: filters take one event of so many."""

    subscribers: int
    mode: str
    signed: bool = False
    taken: int = 1


CASES = (
    Case(1, "structured"),
    Case(1, "structured", signed=True),
    Case(1, "binary"),
    Case(10, "structured"),
    Case(10, "structured", taken=10),
)


def _load() -> Iterator[list[Record]]:
    """Verdicts in the order of the log; one of ten is of the namespace that filters take."""
    for first in range(0, EVENTS, BATCH):
        yield [
            verdict(f"pod-{number % RESOURCES}", number, namespace=f"team-{number % 10}")
            for number in range(first, first + BATCH)
        ]


def _file(folder: Path, case: Case, counters: Sequence[Counter]) -> Path:
    entries = [
        {
            "name": f"subscriber-{number}",
            "url": f"http://127.0.0.1:{counter.port}/",
            "start": "beginning",
            "mode": case.mode,
            **({"signature": {"secrets": ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]}} if case.signed else {}),
            **({"filters": [{"exact": {"namespace": f"team-{number % 10}"}}]} if case.taken > 1 else {}),
        }
        for number, counter in enumerate(counters)
    ]
    path = folder / "subscribers.yaml"
    path.write_text(yaml.safe_dump({"subscribers": entries}), encoding="utf-8")
    return path


def _use_of(service: Service) -> tuple[float, int]:
    """CPU seconds and bytes of memory."""
    if service.process is None:
        raise RuntimeError(f"{service.name} does not run")
    process = psutil.Process(service.process.pid)
    times = process.cpu_times()
    return times.user + times.system, process.memory_info().rss


async def _case(folder: Path, broker: Broker, case: Case, number: int) -> str:
    settings = {
        "kafka_bootstrap": broker.bootstrap,
        "kafka_prefix": f"bench{number}.",
        "kafka_partitions": PARTITIONS,
    }
    log = load_settings(**settings).kafka
    await topics.create(log)
    async with Producer.started(log) as producer:
        for batch in _load():
            await producer.publish(batch)
    async with counting(case.subscribers) as counters:
        for counter in counters:
            counter.expect(EVENTS // case.taken)
        file = _file(folder, case, counters)
        environment = {
            **{f"TOCSIN_{name.upper()}": str(value) for name, value in settings.items()},
            "TOCSIN_DB": f"sqlite:///{folder / f'{number}.db'}",
        }
        service = Service(f"deliver-{number}", ("deliver", "--subscribers", str(file)), folder, environment)
        service.start()
        try:
            async with asyncio.timeout(PATIENCE):
                await counters[0].begun.wait()
                before, _ = _use_of(service)
                for counter in counters:
                    await counter.all_there.wait()
            after, memory = _use_of(service)
        finally:
            service.kill()
    wall = max(counter.last for counter in counters) - min(counter.first for counter in counters)
    sent = sum(counter.number for counter in counters)
    used = after - before
    how = ", ".join([case.mode, *(["signed"] if case.signed else [])])
    filtered = f"1 of {case.taken}" if case.taken > 1 else "all"
    cells = [str(case.subscribers), how, filtered, f"{sent:,}", f"{sent / wall:,.0f}"]
    cells += [f"{EVENTS / wall:,.0f}", f"{used / sent * 1000:.2f}"]
    cells += [f"{used / wall:.2f}", f"{memory / _MIB:,.0f}"]
    return f"| {' | '.join(cells)} |"


async def _measure(folder: Path, broker: Broker) -> AsyncIterator[str]:
    when = datetime.now(UTC).date().isoformat()
    yield "# Deliveries to subscribers"
    yield ""
    yield f"{when}; {machine()}; {getloadavg()[0]:.1f} processes wanted a core when this began. One"
    yield f"`tocsin deliver`, which uses one core; {EVENTS:,} verdicts of {RESOURCES} resources on one"
    yield f"broker, {PARTITIONS} partitions; subscribers on the same machine that answer 204 at once; up to 8"
    yield "requests at once to each."
    yield ""
    columns = ["subscribers", "mode", "taken", "requests", "requests/s", "events of the log/s"]
    columns += ["CPU ms a request", "cores busy", "MiB"]
    yield f"| {' | '.join(columns)} |"
    yield f"|---:|---|---|{'---:|' * 6}"
    for number, case in enumerate(CASES):
        yield await _case(folder, broker, case, number)
    yield ""
    yield "CPU is that of the whole process, from its first request on. `events of the log/s`: how fast each"
    yield "subscriber's group goes through the log, what filters do not take included. More services share"
    yield "the partitions."


async def _main() -> None:
    lines: list[str] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with running(kafka(), folder) as broker:
            began = time.monotonic()
            async for line in _measure(folder, broker):
                lines.append(line)
                print(line, flush=True)
    print(f"{time.monotonic() - began:.0f} s", file=sys.stderr)
    RESULT.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(_main())

"""`make bench BENCH=pipeline`: Kafka, PostgreSQL and the services: how many events a second, and how soon.

Writes benchmarks/results/pipeline.md; PART="1 2 4 latency size sweep" measures some parts, and
the page keeps what was measured of the others. Events go to the log as fast as it takes
them, or at a rate; each turns the verdict of one policy of ten. A change counts when its row is
committed, by PostgreSQL's own clock (`track_commit_timestamp`). Everything shares the
cores of one machine, so that what more evaluators add there is seen in CPU, not in wall. The
watcher is measured by `benchmarks.watcher`.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from os import getloadavg
from pathlib import Path

from benchmarks import pipeline_figures
from benchmarks.machine import machine
from benchmarks.pipeline_figures import Conditions, Delays, Figures, Latency, Size, Sweep, Throughput
from benchmarks.pipeline_load import batches, policies
from benchmarks.pipeline_stack import PARTITIONS, Stack
from pipeline.events import PolicyApplied, Topic
from tests import postgres
from tests.kafka import broker as kafka_broker
from tests.kafka.broker import Broker
from tests.postgres import Server
from tests.services import kafka

PARTS = ("1", "2", "4", "latency", "size", "sweep")
"""Numbers are of evaluators."""
RESOURCES = 2_000
CHANGES = 6_000
POLICIES = 10
SECONDS = 20.0
"""At each rate."""
SHARES = (0.1, 0.5)
SIZED = 20_000
MANY = 50_000
LIVE = 20
"""Changes a second while everything is judged again."""
_TICK = 0.02


def _conditions() -> Conditions:
    return Conditions(datetime.now(UTC).date().isoformat(), machine(), getloadavg()[0])


async def _measure(part: str, folder: Path, broker: Broker, server: Server, figures: Figures) -> None:
    """Measure one part, and put it in its place."""
    conditions = _conditions()
    async with Stack.running(folder, broker, server, int(part) if part.isdigit() else 2) as stack:
        match part:
            case "latency":
                figures.latency = await _latency(stack, conditions, figures)
            case "size":
                figures.size = await _size(stack, conditions)
            case "sweep":
                figures.sweep = await _sweep(stack, conditions)
            case _:
                figures.throughput[part] = await _throughput(stack, conditions)


async def _throughput(stack: Stack, conditions: Conditions) -> Throughput:
    loaded = await _load(stack, RESOURCES, POLICIES)
    changes = [(at % RESOURCES, 1 + at // RESOURCES) for at in range(CHANGES)]
    before, began = stack.cpu(), time.time()
    await stack.publish(changes)
    took = max((await stack.in_rows(changes)).values()) - began
    used = _used(stack, before)
    return Throughput(
        conditions,
        pods=RESOURCES,
        policies=POLICIES,
        changes=CHANGES,
        evaluators=len(stack.evaluators),
        first_verdicts=RESOURCES * POLICIES / loaded,
        changes_rate=CHANGES / took,
        cpu={name: 1000 * spent / CHANGES for name, spent in used.items()},
        cores=sum(used.values()) / took,
    )


async def _load(stack: Stack, pods: int, count: int) -> float:
    """Policies, and the first version of Pods; seconds until their verdicts are in rows."""
    await stack.put_policies(count)
    return await _more(stack, range(pods))


async def _more(stack: Stack, pods: Iterable[int]) -> float:
    """The next version of Pods; seconds until it is in rows."""
    first = stack.next_of(pods)
    began = time.time()
    await stack.publish(first)
    return max((await stack.in_rows(first)).values()) - began


def _used(stack: Stack, before: Mapping[str, float]) -> dict[str, float]:
    """CPU seconds since, by process."""
    return {name: spent - before[name] for name, spent in stack.cpu().items()}


async def _latency(stack: Stack, conditions: Conditions, figures: Figures) -> Latency:
    if not figures.throughput:
        raise SystemExit("latency is measured at shares of the limit: measure PART='1 2 4' first")
    limit = max(each.changes_rate for each in figures.throughput.values())
    await _load(stack, RESOURCES, POLICIES)
    await _delays(stack, 0.0, limit * SHARES[0])  # not counted: a broker compiles itself at first
    delays = [await _delays(stack, share, limit * share) for share in SHARES]
    return Latency(conditions, limit, SECONDS, delays)


async def _delays(stack: Stack, share: float, rate: float) -> Delays:
    """Changes at a rate, whatever becomes of them; those of each Pod's last version are timed."""
    sent: dict[int, float] = {}
    count, done = int(rate * SECONDS), 0
    topics = (Topic.RESOURCES, Topic.VERDICTS)
    before = {topic: stack.bytes_on(topic) for topic in topics}
    cpu, began = stack.cpu(), time.time()
    async with asyncio.TaskGroup() as group:
        while done < count:
            due = min(count, int((time.time() - began + _TICK) * rate))
            for at in range(done, due):
                [change] = stack.next_of([at % RESOURCES])
                stack.versions[change[0]] = change[1]
                sent.pop(change[0], None)  # the last one published comes last
                sent[change[0]] = began + at / rate
                [batch] = batches([change])
                group.create_task(stack.producer.publish(batch))
            done = due
            await asyncio.sleep(_TICK)
    rows = await stack.in_rows([(number, stack.versions[number]) for number in sent])
    used, took = _used(stack, cpu), max(rows.values()) - began
    resource_bytes, verdict_bytes = ((stack.bytes_on(topic) - before[topic]) / count for topic in topics)
    return Delays(
        share,
        rate,
        *_percentiles(sent, rows),
        resource_bytes,
        verdict_bytes,
        cpu={name: 1000 * spent / count for name, spent in used.items()},
        cores=sum(used.values()) / took,
    )


def _percentiles(sent: Mapping[int, float], rows: Mapping[int, float]) -> tuple[float, float, float]:
    """p50, p99 and most, in milliseconds."""
    delays = sorted(1000 * (rows[number] - when) for number, when in sent.items())
    cuts = statistics.quantiles(delays, n=100)
    return cuts[49], cuts[98], delays[-1]


async def _size(stack: Stack, conditions: Conditions) -> Size:
    await stack.until_assigned()
    rows = stack.bytes_in_database()
    seconds = await _load(stack, SIZED // 2, POLICIES)
    half = stack.memory()  # with what it takes to work at all
    seconds += await _more(stack, range(SIZED // 2, SIZED))
    return Size(
        conditions,
        pods=SIZED,
        policies=POLICIES,
        on_topics={topic.value: stack.bytes_on(topic) / SIZED for topic in Topic},
        in_memory=(stack.memory() - half) / (SIZED // 2),
        in_database=(stack.bytes_in_database() - rows) / SIZED,
        seconds=seconds,
    )


async def _sweep(stack: Stack, conditions: Conditions) -> Sweep:
    """Many Pods of one policy, which changes; then one of two evaluators goes."""
    await _load(stack, MANY, 1)
    [changed] = policies(1, "again")
    wanted = (
        changed.event.data.digest if changed.event and isinstance(changed.event.data, PolicyApplied) else ""
    )
    before, began = stack.cpu(), time.time()
    await stack.put_policies(1, "again")
    sent: dict[int, float] = {}
    while await asyncio.to_thread(stack.judged_by, wanted) < MANY:
        tick = time.time()
        for _ in range(LIVE // 2):
            number = len(sent)
            sent[number] = time.time()
            await stack.publish(stack.next_of([number]))
        await asyncio.sleep(max(0.0, tick + 0.5 - time.time()))
    seconds = time.time() - began
    used = _used(stack, before)
    rows = await stack.in_rows([(number, stack.versions[number]) for number in sent])
    return Sweep(
        conditions,
        pods=MANY,
        seconds=seconds,
        cpu=used,
        live_rate=len(sent) / seconds,
        live=_percentiles(sent, rows),
        takeover_pods=MANY // 2,
        takeover_seconds=await _taken_over(stack),
    )


async def _taken_over(stack: Stack) -> float:
    """One of two evaluators goes; seconds until the other has told a change of each partition."""
    began = time.time()
    await asyncio.to_thread(stack.evaluators.pop().stop)
    changes = stack.next_of(range(20 * PARTITIONS))
    await stack.publish(changes)
    return max((await stack.in_rows(changes)).values()) - began


async def _main(parts: Sequence[str]) -> None:
    unknown = set(parts) - set(PARTS)
    if unknown:
        raise SystemExit(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    with (
        tempfile.TemporaryDirectory() as name,
        kafka_broker.running(kafka(), Path(name)) as broker,
        postgres.own("-c track_commit_timestamp=on") as server,
    ):
        for part in parts or PARTS:
            figures = pipeline_figures.load()
            await _measure(part, Path(name), broker, server, figures)
            pipeline_figures.save(figures)  # as it is measured: the whole takes minutes
    sys.stdout.write(pipeline_figures.PAGE.read_text(encoding="utf-8"))


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1:]))

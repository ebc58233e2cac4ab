"""`make bench BENCH=pipeline`: Kafka, PostgreSQL and the services: how many events a second, and how soon.

Writes benchmarks/results/pipeline.md. Events go to the log as fast as it takes them, or at a
rate; each turns the verdict of one policy of ten. A change counts when its row is committed, by
PostgreSQL's own clock (`track_commit_timestamp`). Everything shares the cores of one machine, so
that what more evaluators add there is seen in CPU, not in wall. The watcher is measured by
`benchmarks.watcher`.
"""

import asyncio
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from os import cpu_count, getloadavg
from pathlib import Path

from benchmarks.pipeline_load import batches, policies
from benchmarks.pipeline_stack import PARTITIONS, Stack
from pipeline.events import PolicyApplied, Topic
from tests import postgres
from tests.kafka import broker as kafka_broker
from tests.kafka.broker import Broker
from tests.postgres import Server
from tests.services import kafka

EVALUATORS = (1, 2, 4)
RESOURCES = 2_000
CHANGES = 6_000
POLICIES = 10
SECONDS = 10
"""At each rate."""
SHARES = (0.1, 0.5)
MANY = 50_000
LIVE = 20
"""Changes a second while everything is judged again."""
RESULT = Path(__file__).parent / "results" / "pipeline.md"
_MIB = 2**20
_TICK = 0.02


async def _measure(folder: Path, broker: Broker, server: Server) -> AsyncIterator[str]:
    for line in _head():
        yield line
    limit = 0.0
    for number in EVALUATORS:
        async with Stack.running(folder, broker, server, number) as stack:
            rate, line = await _throughput(stack, number)
            yield line
            if number == 2:
                limit = rate
                delays = [await _delays(stack, limit * share) for share in SHARES]
    yield ""
    yield f"From a change on the log to its row, {SECONDS} s each, two evaluators, at shares of their"
    yield f"{limit:,.0f} changes a second:"
    yield ""
    yield "| share | changes/s | p50 ms | p99 ms | max ms |"
    yield "|---:|---:|---:|---:|---:|"
    for share, line in zip(SHARES, delays, strict=True):
        yield f"| {share:.0%} {line}"
    yield ""
    async with Stack.running(folder, broker, server, 2) as stack:
        async for line in _many(stack):
            yield line


def _head() -> list[str]:
    when = datetime.now(UTC).date().isoformat()
    machine = f"{cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    columns = ["evaluators", "first verdicts/s", "changes/s", "CPU ms a change: evaluators", "their workers"]
    columns += ["sink", "Kafka", "PostgreSQL", "publisher", "cores busy"]
    return [
        "# The pipeline on Kafka",
        "",
        f"{when}; {machine}; {getloadavg()[0]:.1f} processes wanted a core when this began. One broker,",
        f"{PARTITIONS} partitions; PostgreSQL without fsync; one sink; one worker for each evaluator; all of",
        f"it and the publisher on these cores. {RESOURCES:,} Pods and {POLICIES} policies of the catalog,",
        f"then {CHANGES:,} changes, each of which turns one verdict.",
        "",
        f"| {' | '.join(columns)} |",
        f"|{'---:|' * len(columns)}",
    ]


async def _throughput(stack: Stack, evaluators: int) -> tuple[float, str]:
    """Changes a second, and the row of the table."""
    await stack.put_policies(POLICIES)
    first = stack.next_of(range(RESOURCES))
    began = time.time()
    await stack.publish(first)
    loaded = max((await stack.in_rows(first)).values()) - began
    changes = [(at % RESOURCES, 1 + at // RESOURCES) for at in range(CHANGES)]
    before, began = stack.cpu(), time.time()
    await stack.publish(changes)
    took = max((await stack.in_rows(changes)).values()) - began
    used = {name: spent - before[name] for name, spent in stack.cpu().items()}
    cells = " | ".join(f"{1000 * spent / CHANGES:.2f}" for spent in used.values())
    rates = f"{RESOURCES * POLICIES / loaded:,.0f} | {CHANGES / took:,.0f}"
    return CHANGES / took, f"| {evaluators} | {rates} | {cells} | {sum(used.values()) / took:.1f} |"


async def _delays(stack: Stack, rate: float) -> str:
    """Changes at a rate, whatever becomes of them; those of each Pod's last version are timed."""
    sent: dict[int, float] = {}
    count, done = int(rate * SECONDS), 0
    began = time.time()
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
    return f"| {rate:,.0f} {_percentiles(sent, rows)}"


def _percentiles(sent: Mapping[int, float], rows: Mapping[int, float]) -> str:
    delays = sorted(1000 * (rows[number] - when) for number, when in sent.items())
    cuts = statistics.quantiles(delays, n=100)
    return f"| {cuts[49]:,.0f} | {cuts[98]:,.0f} | {delays[-1]:,.0f} |"


async def _many(stack: Stack) -> AsyncIterator[str]:
    """Many Pods of one policy, which changes."""
    empty, rows = stack.memory(), stack.bytes_in_database()
    await stack.put_policies(1)
    first = stack.next_of(range(MANY))
    began = time.time()
    await stack.publish(first)
    loaded = max((await stack.in_rows(first)).values()) - began
    yield (
        f"{MANY:,} Pods of one policy, two evaluators: first verdicts in rows after {loaded:.0f} s. For each"
        f" Pod: {stack.bytes_on(Topic.RESOURCES) / MANY:,.0f} bytes of resource and"
        f" {stack.bytes_on(Topic.VERDICTS) / MANY:,.0f} of verdict on the log (zstd, no copies),"
        f" {(stack.memory() - empty) / MANY:,.0f} bytes in memory of an evaluator,"
        f" {(stack.bytes_in_database() - rows) / MANY:,.0f} in PostgreSQL with indexes."
    )
    yield ""
    yield await _judged_again(stack)
    yield ""
    yield await _taken_over(stack)


async def _judged_again(stack: Stack) -> str:
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
    took = time.time() - began
    used = {name: spent - before[name] for name, spent in stack.cpu().items()}
    rows = await stack.in_rows([(number, stack.versions[number]) for number in sent])
    return (
        f"After a change of the policy: {MANY:,} new verdicts in rows after {took:.1f} s,"
        f" {MANY / took:,.0f} a second (CPU s: {', '.join(f'{n} {s:.1f}' for n, s in used.items())})."
        f" Live changes meanwhile, {LIVE} a second: | p50, p99, max ms {_percentiles(sent, rows)}"
    )


async def _taken_over(stack: Stack) -> str:
    """One of two evaluators goes; a change of each partition says when the other has them all."""
    began = time.time()
    await asyncio.to_thread(stack.evaluators.pop().stop)
    changes = stack.next_of(range(200))
    await stack.publish(changes)
    took = max((await stack.in_rows(changes)).values()) - began
    return (
        f"One of the two ends: the other has built the state of its {PARTITIONS // 2} partitions"
        f" ({MANY // 2:,} Pods) and told a change in each after {took:.1f} s."
    )


async def _main() -> None:
    lines: list[str] = []
    with (
        tempfile.TemporaryDirectory() as name,
        kafka_broker.running(kafka(), Path(name)) as broker,
        postgres.own("-c track_commit_timestamp=on") as server,
    ):
        async for line in _measure(Path(name), broker, server):
            sys.stdout.write(f"{line}\n")  # as it is measured: the whole takes minutes
            sys.stdout.flush()
            lines.append(line)
    RESULT.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(_main())

"""The services that `benchmarks.pipeline` measures, on a Kafka and a PostgreSQL of their own."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import psutil
import psycopg

from benchmarks.pipeline_load import POLICY, batches, digest, key, policies
from pipeline.events import Topic
from pipeline.kafka import topics
from pipeline.kafka.consuming import offsets_at_end
from pipeline.kafka.partitions import partition_of
from pipeline.kafka.producing import Producer
from pipeline.kafka.topics import topic_name
from pipeline.settings import KafkaSettings, load_settings
from tests import postgres
from tests.faults.processes import Service
from tests.kafka.broker import Broker
from tests.postgres import Server

PARTITIONS = 12
_POLL = 0.05
Versions = Sequence[tuple[int, int]]
"""Number of a Pod, and its version."""


@dataclass
class Stack:
    """Evaluators with one worker each, and one sink; `database` is empty at the start."""

    folder: Path
    broker: Broker
    kafka: KafkaSettings
    database: str
    producer: Producer
    server: Server
    evaluators: list[Service]
    sink: Service
    versions: dict[int, int] = field(default_factory=dict)

    @classmethod
    @asynccontextmanager
    async def running(
        cls, folder: Path, broker: Broker, server: Server, evaluators: int
    ) -> AsyncIterator[Self]:
        """With topics and a database of its own."""
        settings = {
            "workers": 1,
            "kafka_bootstrap": broker.bootstrap,
            "kafka_prefix": f"bench{time.monotonic_ns()}.",
            "kafka_partitions": PARTITIONS,
        }
        kafka = load_settings(**settings).kafka
        environment = {f"TOCSIN_{name.upper()}": str(value) for name, value in settings.items()}
        await topics.create(kafka)
        async with AsyncExitStack() as stack:
            url = stack.enter_context(postgres.empty_database(server.url))
            environment["TOCSIN_DB"] = url
            producer = await stack.enter_async_context(Producer.started(kafka))
            names = [f"evaluator-{kafka.prefix}{number}" for number in range(evaluators)]
            made = [Service(name, ("evaluate",), folder, environment) for name in names]
            sink = Service(f"sink-{kafka.prefix}", ("sink",), folder, environment)
            upgrade = Service("upgrade", ("db", "upgrade"), folder, environment)
            upgrade.start()
            upgrade.wait()
            try:
                for service in (*made, sink):
                    service.start()
                yield cls(folder, broker, kafka, url, producer, server, made, sink)
            finally:
                for service in (*made, sink):
                    service.kill()

    async def put_policies(self, count: int, note: str = "") -> None:
        """The first of the catalog's, or another version of them."""
        await self.producer.publish(list(policies(count, note)))

    async def publish(self, versions: Versions) -> None:
        """As fast as the log takes them."""
        for batch in batches(versions):
            await self.producer.publish(batch)
        self.versions.update(versions)

    def next_of(self, numbers: Iterable[int]) -> list[tuple[int, int]]:
        """The next version of each."""
        return [(number, self.versions.get(number, -1) + 1) for number in numbers]

    async def in_rows(self, versions: Versions) -> dict[int, float]:
        """Wait until all of these are in the database; when each Pod's last was committed there.

        The last of each partition is asked for until it is: that is little work.
        """
        last = {partition_of(key(number).encode(), PARTITIONS): number for number, _ in versions}
        await asyncio.to_thread(self._wait, list(last.values()))
        return await asyncio.to_thread(self._wait, list({number for number, _ in versions}))

    def _wait(self, numbers: Sequence[int]) -> dict[int, float]:
        while len(found := self.committed(numbers)) < len(numbers):
            time.sleep(_POLL)
        return found

    def committed(self, numbers: Sequence[int]) -> dict[int, float]:
        """When the verdict of each Pod's last version was committed, in seconds, where it was."""
        query = (
            "SELECT data::json->>'resourceDigest', pg_xact_commit_timestamp(xmin)"
            " FROM verdicts WHERE policy = %s AND resource_key = ANY(%s)"
        )
        wanted = {digest(number, self.versions[number]): number for number in numbers}
        with psycopg.connect(self.database) as connection:
            rows = connection.execute(query, [POLICY, [key(number) for number in numbers]])
            return {wanted[seen]: when.timestamp() for seen, when in rows if seen in wanted}

    def judged_by(self, policy_digest: str) -> int:
        """Verdicts of a version of the policy, in the database."""
        query = "SELECT count(*) FROM verdicts WHERE policy_digest = %s"
        with psycopg.connect(self.database) as connection:
            row = connection.execute(query, [policy_digest]).fetchone()
            return int(row[0]) if row else 0

    async def records(self, topic: Topic) -> int:
        """On the log; the marks at the ends of transactions among them."""
        return sum((await offsets_at_end(self.kafka, topic)).values())

    def bytes_on(self, topic: Topic) -> int:
        """What a topic takes on disk, compressed, with all versions of a key."""
        name = topic_name(self.kafka, topic)
        return sum(file.stat().st_size for file in (self.broker.folder / "data").glob(f"{name}-*/*.log"))

    def bytes_in_database(self) -> int:
        """Tables and indexes."""
        with psycopg.connect(self.database, autocommit=True) as connection:
            row = connection.execute("SELECT pg_database_size(current_database())").fetchone()
            return int(row[0]) if row else 0

    async def until_assigned(self) -> None:
        """Wait until each partition has an evaluator, whose state is built."""
        await asyncio.to_thread(self._until_said)

    def _until_said(self) -> None:
        while sum(each.said.count("taken over") for each in self.evaluators) < PARTITIONS:
            time.sleep(_POLL)

    def memory(self) -> int:
        """Proportional set size of the evaluators, without their workers."""
        return sum(psutil.Process(_pid(each)).memory_full_info().pss for each in self.evaluators)

    def cpu(self) -> dict[str, float]:
        """Seconds so far, by process."""
        workers = [each for one in self.evaluators for each in psutil.Process(_pid(one)).children()]
        server = (self.server.folder / "data" / "postmaster.pid").read_text().split()[0]
        return {
            "evaluators": sum(_cpu(psutil.Process(_pid(each))) for each in self.evaluators),
            "their workers": sum(map(_cpu, workers)),
            "sink": _cpu(psutil.Process(_pid(self.sink))),
            "Kafka": _cpu(psutil.Process(self.broker.process.pid)) if self.broker.process else 0.0,
            "PostgreSQL": _with_children(psutil.Process(int(server))),
            "publisher": _cpu(psutil.Process()),
        }


def _pid(service: Service) -> int:
    return service.process.pid if service.process else 0


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _with_children(process: psutil.Process) -> float:
    """Also of those that ended meanwhile and were waited for."""
    times = process.cpu_times()
    total = _cpu(process) + float(times.children_user + times.children_system)
    for child in process.children():
        with suppress(psutil.Error):
            total += _cpu(child)
    return total

"""A whole pipeline that is disturbed, beside an undisturbed run: what `tests.faults.pipeline` runs."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiokafka.errors import KafkaError

from pipeline.errors import TocsinError
from pipeline.events import Topic
from pipeline.kafka import topics
from pipeline.kafka.topics import admin
from pipeline.settings import Settings, load_settings
from tests import postgres
from tests.faults.accounts import behind, counted
from tests.faults.afterwards import accounts, as_scanned, replayed
from tests.faults.breaking import Breaking
from tests.faults.manifest_work import Size, Work
from tests.faults.processes import Service
from tests.faults.reference import Reference
from tests.faults.tables import read_offsets, read_tables
from tests.faults.tail import Tail
from tests.kafka.broker import Broker
from tests.postgres import Server

EVALUATORS, SINKS = 3, 2
PARTITIONS = 6
SESSION = 10.0
"""Seconds, as services have it where nobody says otherwise."""
CLUSTER = "faults"
_PATIENCE = 120.0
"""Seconds in which something has to get better, where not everybody is at rest yet."""
_AT_MOST = 5
"""Times of it that a round may take to come to rest."""
_PORTION = 20
_PAUSE = 0.02
"""Seconds between portions of files: as they come, not all at once."""


@dataclass
class Suite:
    """One run, by its seed. `database`: URL of the one the sinks write to; `fresh`: of an empty one."""

    folder: Path
    settings: Settings
    database: str
    fresh: str
    work: Work
    breaking: Breaking
    reference: Reference
    tail: Tail
    say: Callable[[str], None]
    patience: float = _PATIENCE
    counts: Counter[str] = field(default_factory=Counter)

    async def run(self, rounds: int, faults: int) -> list[str]:
        """Work and faults, then peace; returns what is wrong in the end. `faults`: in all rounds."""
        if problems := await self.begin():
            return problems
        for number in range(rounds):
            due = faults * (number + 1) // rounds - faults * number // rounds
            began = time.monotonic()
            problems = await self.round(number, due)
            took = time.monotonic() - began
            self.say(
                f"round {number + 1} of {rounds}: {', '.join(self.breaking.fresh()) or 'calm'}; {took:.1f} s"
            )
            if problems:
                return problems
        return await self.end()

    async def begin(self) -> list[str]:
        """Everything there is at the start, told and judged."""
        for write in self.work.first():
            write.apply(self.folder)
        for service in self.breaking.services:
            service.start()
        await self.reference.round()
        return await self.settled()

    async def round(self, number: int, faults: int) -> list[str]:
        """Changes, and something breaks meanwhile; then rest."""
        writes = self.work.round(number)
        breaks = self.work.chance.randrange(len(writes))
        async with asyncio.TaskGroup() as group:
            for at, write in enumerate(writes):
                if at == breaks:
                    group.create_task(self._break(faults), name="faults")
                write.apply(self.folder)
                if at % _PORTION == 0:
                    await asyncio.sleep(_PAUSE)
        await self.reference.round()
        return await self.settled()

    async def _break(self, faults: int) -> None:
        for _ in range(faults):
            await self.breaking.break_something()

    async def settled(self) -> list[str]:
        """Wait for everybody to be at rest; returns what is missing where nothing gets better any more."""
        most = time.monotonic() + _AT_MOST * self.patience
        deadline, before = time.monotonic() + self.patience, [""]
        while True:
            if ended := [each for each in self.breaking.services if each.ended]:
                return [f"ended by itself: {each.name}: {each.said[-3000:]}" for each in ended]
            came = await self.tail.advance()
            waiting = ["more comes"] if came else behind(self.tail.last, self.reference.last)
            waiting = waiting or await self._lags()
            if waiting != before:  # a machine that has much else to do gets there, too
                deadline, before = min(most, time.monotonic() + self.patience), waiting
            if not waiting or time.monotonic() > deadline:
                return waiting

    async def _lags(self) -> list[str]:
        """Partitions that have not been read to their end, by evaluators and by sinks."""
        group = f"{self.settings.kafka.prefix}tocsin-evaluator"
        try:
            written = await read_offsets(self.database)
            async with admin(self.settings.kafka) as client:
                committed = await client.list_consumer_group_offsets(group)
        except (TocsinError, KafkaError) as error:
            return [f"away: {error}"]
        read = {place.partition: offset.offset for place, offset in committed.items()}
        lags: list[str] = []
        for (topic, number), end in self.tail.ends.items():
            if written.get((topic, number), 0) < end:
                lags.append(f"lag: sinks, {topic}/{number}: {written.get((topic, number), 0)} of {end}")
            if topic is Topic.RESOURCES and read.get(number, 0) < end:
                lags.append(f"lag: evaluators, {topic}/{number}: {read.get(number, 0)} of {end}")
        return lags

    async def end(self) -> list[str]:
        """Everybody stops, in good order; then the accounts."""
        problems = [*self.breaking.problems]
        problems += [
            f"ended badly: {service.name}"
            for service in self.breaking.services
            if await asyncio.to_thread(service.stop) != 0
        ]
        await self.tail.to_end()
        told = await read_tables(self.database)
        expected = await read_tables(f"sqlite:///{self.folder / 'reference.db'}")
        self.counts += counted(told) + Counter({"records": len(self.tail.records)})
        problems += accounts(told, expected, self.tail, self.reference.log)
        problems += await as_scanned(self.breaking.watcher, self.folder, told)
        sink = self.breaking.sinks[0]
        patience = _AT_MOST * self.patience
        return problems + await replayed(sink, self.database, self.fresh, self.tail, patience)


@asynccontextmanager
async def suite(
    broker: Broker, database: Server, folder: Path, seed: int, size: Size, say: Callable[[str], None]
) -> AsyncIterator[Suite]:
    """Topics, databases, an undisturbed run, and services that are not running yet."""
    chance = random.Random(seed)  # noqa: S311 - the same history for the same seed
    prefix = f"faults{time.monotonic_ns()}."
    common: dict[str, object] = {
        "cluster": CLUSTER,
        "workers": 1,
        "evaluation_deadline": 60,
        "compile_deadline": 60,
        "kafka_bootstrap": broker.bootstrap,
        "kafka_prefix": prefix,
        "kafka_partitions": PARTITIONS,
        "kafka_session_timeout": SESSION,
        "backoff_first": 0.1,
        "backoff_most": 0.5,
    }
    settings = load_settings(**common)
    environment = {f"TOCSIN_{name.upper()}": str(value) for name, value in common.items()}
    await topics.create(settings.kafka)
    for name in ("deploy", "policies"):
        (folder / name).mkdir()
    async with AsyncExitStack() as stack:
        urls = [stack.enter_context(postgres.empty_database(database.url)) for _ in range(2)]
        for url in urls:
            _upgrade(folder, {**environment, "TOCSIN_DB": url})
        breaking = _breaking(folder, {**environment, "TOCSIN_DB": urls[0]}, broker, database, seed)
        reference = Reference.start(settings, folder, f"sqlite:///{folder / 'reference.db'}")
        run = Suite(
            folder=folder,
            settings=settings,
            database=urls[0],
            fresh=urls[1],
            work=Work(size, chance),
            breaking=breaking,
            reference=await stack.enter_async_context(reference),
            tail=await stack.enter_async_context(Tail.follow(settings.kafka)),
            say=say,
        )
        try:
            yield run
        finally:
            for service in breaking.services:
                service.kill()


def _breaking(
    folder: Path, settings: Mapping[str, str], broker: Broker, database: Server, seed: int
) -> Breaking:
    def service(name: str, *arguments: str) -> Service:
        return Service(name, arguments, folder, settings)

    files = ("--manifests", str(folder / "deploy"), "-p", str(folder / "policies"))
    return Breaking(
        watcher=service("watcher", "watch", *files),
        evaluators=[service(f"evaluator-{number}", "evaluate") for number in range(EVALUATORS)],
        sinks=[service(f"sink-{number}", "sink") for number in range(SINKS)],
        more=lambda name: service(name, "evaluate"),
        broker=broker,
        database=database,
        session=SESSION,
        chance=random.Random(seed + 1),  # noqa: S311 - the same faults for the same seed
    )


def _upgrade(folder: Path, settings: Mapping[str, str]) -> None:
    upgrade = Service("upgrade", ("db", "upgrade"), folder, settings)
    upgrade.start()
    if upgrade.wait() != 0:
        raise RuntimeError(f"tocsin db upgrade: {upgrade.log.read_text(errors='replace')}")

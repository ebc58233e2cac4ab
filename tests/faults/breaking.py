"""What is broken: each method is one fault, over when it returns."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from tests.faults.processes import Service
from tests.kafka.broker import Broker
from tests.postgres import Server

_DOWN = 2.0
"""Seconds that something stays away, at most."""


@dataclass
class Breaking:
    """`session`: seconds after which Kafka gives the partitions of a frozen process to others."""

    watcher: Service
    evaluators: list[Service]
    sinks: list[Service]
    more: Callable[[str], Service]
    broker: Broker
    database: Server
    session: float
    chance: random.Random
    counts: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    """What went wrong with a fault itself."""
    _planned: list[str] = field(default_factory=list)
    _done: list[str] = field(default_factory=list)

    @property
    def services(self) -> list[Service]:
        """All that have to be there."""
        return [self.watcher, *self.evaluators, *self.sinks]

    def plan(self, *names: str) -> None:
        """These come next, in this order."""
        self._planned = [*reversed(names)]

    async def break_something(self) -> None:
        """The next fault: each once before any comes again."""
        if not self._planned:
            self._planned = [*FAULTS]
            self.chance.shuffle(self._planned)
        name = self._planned.pop()
        await FAULTS[name](self)
        self.counts[name] += 1
        self._done.append(name)

    def fresh(self) -> list[str]:
        """What happened since this was asked last."""
        done, self._done = self._done, []
        return done

    async def kill_watcher(self) -> None:
        await self._killed(self.watcher)

    async def kill_evaluator(self) -> None:
        await self._killed(self.chance.choice(self.evaluators))

    async def kill_sink(self) -> None:
        await self._killed(self.chance.choice(self.sinks))

    async def kill_everything(self) -> None:
        for service in self.services:
            service.kill()
        await self._away()
        for service in self.chance.sample(self.services, len(self.services)):
            service.start()

    async def freeze_watcher(self) -> None:
        await self._frozen(self.watcher)

    async def freeze_evaluator(self) -> None:
        await self._frozen(self.chance.choice(self.evaluators))

    async def freeze_sink(self) -> None:
        await self._frozen(self.chance.choice(self.sinks))

    async def kill_broker(self) -> None:
        self.broker.kill()
        await self._away()
        await asyncio.to_thread(self.broker.start)

    async def restart_broker(self) -> None:
        await asyncio.to_thread(self.broker.stop)
        await asyncio.to_thread(self.broker.start)

    async def crash_database(self) -> None:
        await asyncio.to_thread(self.database.crash)
        await self._away()
        await asyncio.to_thread(self.database.start)

    async def add_evaluator(self) -> None:
        """One more comes, and one of those there goes, in good order: two rebalances."""
        self.evaluators.append(self.more(f"evaluator-{len(self.evaluators)}-{self.counts['add evaluator']}"))
        self.evaluators[-1].start()
        await asyncio.to_thread(self.evaluators[-1].until_said, "evaluating")
        await self._away()
        gone = self.evaluators.pop(self.chance.randrange(len(self.evaluators)))
        if await asyncio.to_thread(gone.stop) != 0:
            self.problems.append(f"ended badly, as one more had come: {gone.name}: {gone.said[-1000:]}")

    async def _killed(self, service: Service) -> None:
        service.kill()
        await self._away()
        service.start()

    async def _frozen(self, service: Service) -> None:
        service.freeze()
        await asyncio.sleep(self.session * 1.5)  # the fault itself: long enough to be given up
        service.thaw()

    async def _away(self) -> None:
        await asyncio.sleep(self.chance.random() * _DOWN)  # the fault itself


FAULTS: dict[str, Callable[[Breaking], Awaitable[None]]] = {
    "kill watcher": Breaking.kill_watcher,
    "kill evaluator": Breaking.kill_evaluator,
    "kill sink": Breaking.kill_sink,
    "kill everything": Breaking.kill_everything,
    "freeze watcher": Breaking.freeze_watcher,
    "freeze evaluator": Breaking.freeze_evaluator,
    "freeze sink": Breaking.freeze_sink,
    "kill broker": Breaking.kill_broker,
    "restart broker": Breaking.restart_broker,
    "crash database": Breaking.crash_database,
    "add evaluator": Breaking.add_evaluator,
}


def in_short(counts: Counter[str]) -> Counter[str]:
    """Kills and so on. An evaluator that goes, comes, or is given up moves partitions."""
    moved = sum(counts[name] for name in ("kill evaluator", "freeze evaluator", "kill everything"))
    short = Counter({"rebalances at least": 2 * (moved + counts["add evaluator"])})
    for name, count in counts.items():
        short[{"kill": "kills", "freeze": "freezes"}.get(name.split()[0], "restarts")] += count
    short["restarts"] -= counts["add evaluator"]
    return short


def undone(counts: Counter[str]) -> list[str]:
    """Faults that never happened, so that nothing was shown of them."""
    return [f"idle: {name} never happened" for name in FAULTS if not counts[name]]

"""The undisturbed run: the same files through the same stages in one process, each round to its end.

The watcher's own way from files to records, the in-process bus, one evaluator that remembers, and
the sink on SQLite. Nothing of it is killed, and nothing of it is on Kafka.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from evaluator.app import GROUP, TOPICS, Evaluator
from evaluator.library import Library
from evaluator.rego.engines import Engines
from evaluator.rego.memo import Memo
from evaluator.rego.questions import Rego
from evaluator.state import State
from pipeline.bus import Consumer, Record
from pipeline.bus_memory import MemoryBus
from pipeline.events import Topic
from pipeline.settings import Settings
from sink.app import GROUP as SINK
from sink.app import TOPICS as SUNK
from sink.app import run_sink
from sink.store import Store
from watcher.followed_policies import FollowedPolicies
from watcher.followed_resources import FollowedResources
from watcher.summary import Tally

_SOURCES = (Topic.POLICIES, Topic.RESOURCES, Topic.DEADLETTERS)


def _now() -> datetime:
    return datetime.now(UTC)


class _Collected:
    """A publisher that keeps what a look at the disk gives."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    async def publish(self, records: Sequence[Record]) -> None:
        self.records += records

    async def seal(self, topic: Topic) -> None:
        """There is another round."""


class Reference:
    """`log`: all records so far, in order."""

    def __init__(self, settings: Settings, folder: Path, rego: Rego, store: Store) -> None:
        self.log: list[Record] = []
        self.last: dict[tuple[Topic, str], Record] = {}
        self._settings = settings
        self._rego = rego
        self._store = store
        self._collected = _Collected()
        source, to = settings.source, self._collected
        self._policies = FollowedPolicies([str(folder / "policies")], to, source, _now, {})
        self._resources = FollowedResources([str(folder / "deploy")], to, source, _now, {})
        self._state = State(remember=True)
        self._memo = Memo(rego)
        self._library = Library(rego, settings.evaluator)

    @classmethod
    @asynccontextmanager
    async def start(cls, settings: Settings, folder: Path, database: str) -> AsyncIterator[Self]:
        """With an empty database."""
        async with AsyncExitStack() as stack:
            rego = await stack.enter_async_context(Engines.start(settings.evaluator))
            store = await stack.enter_async_context(Store.open(database, create=True))
            yield cls(settings, folder, rego, store)

    async def round(self) -> None:
        """Look at the disk, and judge what is different."""
        await self._policies.refresh(asyncio.Event(), Tally())
        await self._resources.refresh(asyncio.Event(), Tally())
        published, self._collected.records[:] = [*self._collected.records], []
        self._keep(published)
        bus = MemoryBus()
        async with (
            bus.consume(GROUP, TOPICS) as evaluated,
            bus.consume(SINK, SUNK) as sunk,
            bus.consume("reference", [Topic.VERDICTS]) as told,
            asyncio.TaskGroup() as group,
        ):
            evaluator = Evaluator(
                self._settings.evaluator,
                self._rego,
                self._state,
                _now,
                memo=self._memo,
                library=self._library,
            )
            group.create_task(evaluator.run(evaluated, bus), name="reference-evaluator")
            group.create_task(run_sink(sunk, self._store, bus.log_id), name="reference-sink")
            group.create_task(self._listen(told), name="reference-log")
            await bus.publish(published)
            for topic in _SOURCES:
                await bus.seal(topic)

    async def _listen(self, told: Consumer) -> None:
        while records := (await told.receive(1000)).records:
            self._keep(records)

    def _keep(self, records: Sequence[Record]) -> None:
        self.log += records
        self.last.update({(record.topic, record.key): record for record in records})

"""The composition root: the whole pipeline in one process, from settings."""

from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Self

import catalog
from evaluator.app import GROUP as EVALUATOR_GROUP
from evaluator.app import TOPICS as EVALUATOR_TOPICS
from evaluator.app import Evaluator
from evaluator.rego.pool import WorkerPool
from evaluator.state import State
from pipeline.bus_memory import MemoryBus
from pipeline.service import Part
from pipeline.settings import Settings
from sink.app import GROUP as SINK_GROUP
from sink.app import TOPICS as SINK_TOPICS
from sink.app import run_sink
from sink.store import Store


def now() -> datetime:
    """The clock."""
    return datetime.now(UTC)


def policy_paths(given: Iterable[str]) -> tuple[str, ...]:
    """The policies asked for, or the catalog's baseline."""
    return tuple(given) or (str(catalog.baseline()),)


async def store_for(settings: Settings, stack: AsyncExitStack) -> Store:
    """The database, open; a new SQLite file gets its schema."""
    return await stack.enter_async_context(Store.open(settings.db, create=True))


@dataclass(slots=True)
class Embedded:
    """Bus, evaluator and sink, wired; the source is the caller's."""

    bus: MemoryBus
    parts: dict[str, Part] = field(default_factory=dict)

    @classmethod
    @asynccontextmanager
    async def start(cls, settings: Settings, store: Store | None) -> AsyncIterator[Self]:
        """Subscribe every stage before anything is published. Without a store nothing is remembered."""
        bus = MemoryBus()
        embedded = cls(bus)
        async with AsyncExitStack() as stack:
            pool = await stack.enter_async_context(WorkerPool(settings.evaluator))
            state = State(remember=store is not None)
            evaluator = Evaluator(settings.evaluator, pool, state, now)
            consumer = await stack.enter_async_context(bus.consume(EVALUATOR_GROUP, EVALUATOR_TOPICS))
            embedded.parts["evaluator"] = lambda _: evaluator.run(consumer, bus)
            if store is not None:
                for key, event_id, verdict in await store.last_verdicts():
                    state.restore(key, event_id, verdict)
                written = await stack.enter_async_context(bus.consume(SINK_GROUP, SINK_TOPICS))
                embedded.parts["sink"] = lambda _: run_sink(written, store, bus.log_id)
            yield embedded

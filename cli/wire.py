"""The composition root: the whole pipeline in one process, from settings."""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Protocol, Self

import catalog
from cli.ring import outlives_a_run
from evaluator.app import GROUP as EVALUATOR_GROUP
from evaluator.app import TOPICS as EVALUATOR_TOPICS
from evaluator.app import Evaluator
from evaluator.images.on_demand import ImagesOnDemand
from evaluator.images.pull_secrets import ReadsObjects
from evaluator.loading import LoadedPolicy
from evaluator.rego.engines import Engines
from evaluator.state import State
from pipeline.bus import Bus
from pipeline.bus_memory import MemoryBus
from pipeline.errors import UsageError, clip
from pipeline.service import Part
from pipeline.settings import Settings
from watcher.known import Known

if TYPE_CHECKING:
    from cli.telemetry import Telemetry
    from sink.outbox import Wake
    from sink.store import Store


def now() -> datetime:
    """The clock."""
    return datetime.now(UTC)


_CATALOG = "catalog:"
"""Begins the name of a set of the catalog, where a path to policies may stand."""


def policy_paths(given: Iterable[str]) -> tuple[str, ...]:
    """The policies asked for, or the catalog's baseline. `catalog:SET` names a set of the catalog.

    Raises UsageError for a set that does not exist.
    """
    return tuple(map(_policy_path, given)) or default_policies()


def default_policies() -> tuple[str, ...]:
    """The catalog's baseline."""
    return (str(catalog.baseline()),)


def _policy_path(given: str) -> str:
    if not given.startswith(_CATALOG):
        return given
    name = given.removeprefix(_CATALOG)
    if name not in catalog.SETS:
        raise UsageError(f"{clip(given)}: the catalog has the sets {', '.join(catalog.SETS)}")
    return str(catalog.folder(name))


def waiver_paths(given: Iterable[str], settings: Settings) -> tuple[str, ...]:
    """The waivers asked for, or those of the settings."""
    return tuple(given) or ((settings.waivers,) if settings.waivers else ())


async def store_for(settings: Settings, stack: AsyncExitStack, wake: "Wake | None" = None) -> "Store":
    """The database, open; a new SQLite file gets its schema. `wake`: it has an outbox, too."""
    from sink.store import Store  # a scan without a database does not wait for SQLAlchemy

    return await stack.enter_async_context(
        Store.open(settings.db, create=True, limits=settings.database_limits, wake=wake)
    )


class Earlier(Protocol):
    """What earlier runs published, of a cluster: by key on the log."""

    async def known_resources(self, cluster: str) -> dict[str, str]: ...  # noqa: D102 - see sink.store
    async def known_kinds(self, cluster: str) -> dict[str, tuple[str, str]]: ...  # noqa: D102
    async def known_policies(self, cluster: str) -> dict[str, str]: ...  # noqa: D102
    async def known_source_errors(self, cluster: str) -> dict[str, str]: ...  # noqa: D102
    async def known_waivers(self, cluster: str) -> dict[str, str]: ...  # noqa: D102


async def known_to(store: Earlier | None, cluster: str) -> Known:
    """What the database, or the log, says that earlier runs published."""
    if store is None:
        return Known()
    return Known(
        resources=await store.known_resources(cluster),
        policies=await store.known_policies(cluster),
        failures=await store.known_source_errors(cluster),
        waivers=await store.known_waivers(cluster),
    )


@dataclass(slots=True)
class Embedded:
    """Bus, evaluator and sink, wired; the source is the caller's."""

    bus: Bus
    state: State
    parts: dict[str, Part] = field(default_factory=dict)
    ringing: set[str] = field(default_factory=set)
    """Keys of the verdicts of earlier runs whose end is worth a line."""

    @classmethod
    @asynccontextmanager
    async def start(
        cls,
        settings: Settings,
        store: "Store | None",
        *,
        once: bool = False,
        of_cluster: bool = False,
        telemetry: "Telemetry | None" = None,
    ) -> AsyncIterator[Self]:
        """Subscribe every stage before anything is published. Without a store nothing is remembered.

        `once`: for a scan, which tells nothing of itself. `of_cluster`: what the watcher of a
        cluster redacts is redacted.
        """
        evaluation = settings.evaluator
        evaluation = replace(evaluation, redacted=evaluation.redacted and of_cluster)
        state = State(remember=store is not None, once=once)
        bus: Bus = telemetry.bus(MemoryBus()) if telemetry else MemoryBus()
        embedded = cls(bus, state)
        async with AsyncExitStack() as stack:
            engines = await stack.enter_async_context(Engines.start(evaluation))
            rego = telemetry.rego(engines) if telemetry else engines
            images = await stack.enter_async_context(images_for(settings))
            evaluator = Evaluator(evaluation, rego, state, now, images)
            if telemetry is not None:
                telemetry.measure_evaluator(engines, evaluator.memo, partial(_policies_of, state))
            consumer = await stack.enter_async_context(bus.consume(EVALUATOR_GROUP, EVALUATOR_TOPICS))
            embedded.parts["evaluator"] = lambda _: evaluator.run(consumer, bus)
            if store is not None:
                for waiver_key, waiver in (await store.waivers(settings.cluster)).items():
                    state.put_waiver(waiver_key, waiver)
                for key, event_id, verdict in await store.last_verdicts(settings.cluster):
                    state.restore(key, event_id, verdict)
                    if outlives_a_run(verdict):
                        embedded.ringing.add(key)
                if telemetry is not None:
                    telemetry.refusals(store.refusals)
                embedded.parts["sink"] = await _sink(bus, store, stack)
            yield embedded


def images_for(settings: Settings) -> ImagesOnDemand:
    """What asks registries, with a cluster's pull secrets where settings say so. To be entered."""
    return ImagesOnDemand(
        settings.images, _cluster_objects(settings) if settings.image_pull_secrets else None
    )


def _cluster_objects(settings: Settings) -> Callable[[], AbstractAsyncContextManager[ReadsObjects]]:
    from cli.pull_secrets import ClusterObjects  # the Kubernetes client is slow to load

    return lambda: ClusterObjects.connect(settings.api_server)


def _policies_of(state: State) -> Iterable[LoadedPolicy]:
    return state.policies.values()


async def _sink(bus: Bus, store: "Store", stack: AsyncExitStack) -> Part:
    from sink.app import GROUP, TOPICS, run_sink

    consumer = await stack.enter_async_context(bus.consume(GROUP, TOPICS))
    return lambda _: run_sink(consumer, store, bus.log_id)

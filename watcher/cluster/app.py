"""A cluster to the log: what it has, and then every change (`follow`), or once (`list_resources`).

Policies come first, then what may own something, then Pods, so that a resource is judged
by the policies there are and under the owner it has.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from pipeline.bus import Publisher
from pipeline.events import resource_key
from pipeline.settings import ClusterSettings
from watcher.backoff import Backoff
from watcher.cluster.api import ApiServer
from watcher.cluster.counts import Counts
from watcher.cluster.errors import DeniedError, MissingError
from watcher.cluster.failures import objects_of
from watcher.cluster.kinds import CONFIG_MAPS, NAMESPACES, PODS, POLICIES, WORKLOADS, ServedKind
from watcher.cluster.lookup import OwnerLookup
from watcher.cluster.mirror import Mirror
from watcher.cluster.policies import Policies
from watcher.cluster.reflector import Reflector
from watcher.cluster.scope import Scope
from watcher.cluster.texts import TextFollower, look_up
from watcher.cluster.troubles import Troubles
from watcher.cluster.waivers import SELECTOR, WaiverMaps

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class KnownObjects:
    """What an earlier run published. `resources`: key on the log -> kind, namespace; `policies`: keys.

    `failures`: what could not be read; see `watcher.cluster.failures`.
    """

    resources: Mapping[str, tuple[str, str]] = field(default_factory=lambda: MappingProxyType({}))
    policies: frozenset[str] = frozenset()
    failures: frozenset[str] = frozenset()
    waivers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Key on the log -> place, of waivers in ConfigMaps."""
    waiver_failures: frozenset[str] = frozenset()
    """Keys of what could not be read of those."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What the first list of everything found. `troubles`: plural of a kind -> why it cannot be read."""

    objects: Mapping[str, int]
    troubles: Mapping[str, str]


async def follow(
    api: ApiServer,
    cluster: str,
    publisher: Publisher,
    settings: ClusterSettings,
    clock: Clock,
    stop: asyncio.Event,
    *,
    policies: bool,
    known: KnownObjects | None = None,
    listed: Callable[[Listing], None] | None = None,
    counts: Counts | None = None,
) -> None:
    """Publish what the cluster has, then follow it until `stop`.

    `policies`: whether the cluster's own ClusterImagePolicies are wanted. What `known` names
    and is not there any more gets its tombstone with the first list of its kind. `listed` is
    called when everything was listed once, or cannot be. `counts` is kept up to date.
    """
    known = known or KnownObjects()
    changed, rescoped, unsettled = asyncio.Event(), asyncio.Event(), asyncio.Event()
    counts = counts or Counts()
    troubles = Troubles(cluster)
    troubles.restore(
        known.failures & {POLICIES.plural, CONFIG_MAPS.plural, *(kind.plural for kind in WORKLOADS)}
    )
    scope = Scope(settings, rescoped.set)
    texts = Policies(cluster, publisher, clock, changed.set)
    mirror = Mirror(cluster, publisher, settings, scope, _lookup(api, settings), clock, texts, counts)
    reflectors: list[Reflector] = []

    def notice() -> None:
        changed.set()
        unsettled.set()

    waivers = _of_waivers(api, cluster, publisher, settings, clock, known, notice)

    async def tell() -> None:
        await publisher.publish(troubles.news(_listing([*waivers, *reflectors]).troubles, clock()))

    async with _stopping(stop) as stopping, asyncio.TaskGroup() as group:
        if policies:
            group.create_task(TextFollower(api, texts, settings).run(stop), name="policy-texts")
        if settings.namespace_selector:
            namespaces = _of_namespaces(api, scope, settings, notice)
            group.create_task(namespaces.run(stop), name="reflector-namespaces")
            # without them nothing is ours, and everything known would be withdrawn: wait
            await _until(lambda: namespaces.state.synced, changed, stopping)
            rescoped.clear()
        _start(waivers, group, stop)
        await _settled(waivers, changed, stopping)
        for stage in _stages(settings, policies=policies):
            started = [
                _restored(
                    Reflector(api, kind, namespace, mirror, settings, notice, counts=counts),
                    mirror,
                    cluster,
                    known,
                )
                for kind in stage
                for namespace in _namespaces(kind, settings)
            ]
            if stage == (POLICIES,):
                started[0].state.restore(mirror.restore_policies(known.policies))
            _start(started, group, stop)
            reflectors += started
            await _settled([*started, texts], changed, stopping)
        if listed is not None and not stop.is_set():
            listed(_listing(reflectors))
        unsettled.set()
        group.create_task(_at_each(unsettled, stopping, tell), name="troubles")
        if settings.namespace_selector:
            await _at_each(rescoped, stopping, lambda: _list_again(reflectors, changed, stopping))


def _start(reflectors: Sequence[Reflector], group: asyncio.TaskGroup, stop: asyncio.Event) -> None:
    for reflector in reflectors:
        group.create_task(reflector.run(stop), name=f"reflector-{reflector.kind.plural}")


async def _list_again(
    reflectors: Sequence[Reflector], changed: asyncio.Event, stopping: "asyncio.Task[bool]"
) -> None:
    """List workloads anew and wait for it: namespaces that come and go shall not keep a list from its end."""
    for reflector in reflectors:
        if reflector.kind is not POLICIES:
            await reflector.list_again()
    await _settled(reflectors, changed, stopping)


async def _at_each(
    event: asyncio.Event, stopping: "asyncio.Task[bool]", work: Callable[[], Awaitable[None]]
) -> None:
    """Do the work whenever the event is set, until `stopping` is done."""
    while not stopping.done():
        if event.is_set():
            event.clear()
            await work()
        await _until(event.is_set, event, stopping)


def _lookup(api: ApiServer, settings: ClusterSettings) -> OwnerLookup:
    return OwnerLookup(api, Backoff(settings.backoff_first, settings.backoff_most))


async def list_policies(
    api: ApiServer,
    cluster: str,
    publisher: Publisher,
    settings: ClusterSettings,
    clock: Clock,
    known: frozenset[str] = frozenset(),
) -> Listing:
    """Publish the ClusterImagePolicies there are now, and that others that are `known` (keys) are gone.

    Raises ApiError where the server cannot be asked.
    """
    texts = Policies(cluster, publisher, clock)
    mirror = Mirror(cluster, publisher, settings, Scope(settings), _lookup(api, settings), clock, texts)
    listing = await _list_stages(
        api, mirror, settings, [(POLICIES,)], cluster, KnownObjects(policies=known), None
    )
    await look_up(api, texts, settings)
    return listing


async def list_resources(
    api: ApiServer,
    cluster: str,
    publisher: Publisher,
    settings: ClusterSettings,
    clock: Clock,
    *,
    known: KnownObjects | None = None,
    progress: Callable[[int], None] | None = None,
) -> Listing:
    """Publish the workloads there are now. A kind that is not there, or may not be read, is in the listing.

    What `known` names and is not there any more gets its tombstone. `progress` is called
    with the number of objects so far. Raises ApiError where the server cannot be asked.
    """
    scope = Scope(settings)
    if settings.namespace_selector:
        await _of_namespaces(api, scope, settings, lambda: None).once()
    policies = Policies(cluster, publisher, clock)
    mirror = Mirror(cluster, publisher, settings, scope, _lookup(api, settings), clock, policies)
    stages = _stages(settings, policies=False)
    return await _list_stages(api, mirror, settings, stages, cluster, known or KnownObjects(), progress)


async def _list_stages(
    api: ApiServer,
    mirror: Mirror,
    settings: ClusterSettings,
    stages: Sequence[Sequence[ServedKind]],
    cluster: str,
    known: KnownObjects,
    progress: Callable[[int], None] | None,
) -> Listing:
    reflectors: list[Reflector] = []

    def advance() -> None:
        if progress is not None:
            progress(sum(len(each.state.known) for each in reflectors))

    for kind in (kind for stage in stages for kind in stage):
        for namespace in _namespaces(kind, settings):
            reflector = Reflector(api, kind, namespace, mirror, settings, advance)
            _restored(reflector, mirror, cluster, known)
            if kind is POLICIES:
                reflector.state.restore(mirror.restore_policies(known.policies))
            reflectors.append(reflector)
            try:
                await reflector.once()
            except (DeniedError, MissingError) as error:
                reflector.trouble = str(error)
            advance()
    return _listing(reflectors)


def _stages(settings: ClusterSettings, *, policies: bool) -> list[Sequence[ServedKind]]:
    workloads = [kind for kind in WORKLOADS if kind.kind in settings.kinds]
    stages: list[Sequence[ServedKind]] = [(POLICIES,)] if policies else []
    return [*stages, [kind for kind in workloads if kind is not PODS], [k for k in workloads if k is PODS]]


def _namespaces(kind: ServedKind, settings: ClusterSettings) -> list[str]:
    """One request for all namespaces, or one for each that is named."""
    return sorted(settings.namespaces) if settings.namespaces and kind is not POLICIES else [""]


def _of_namespaces(
    api: ApiServer, scope: Scope, settings: ClusterSettings, changed: Callable[[], None]
) -> Reflector:
    return Reflector(api, NAMESPACES, "", scope, settings, changed, settings.namespace_selector)


def _of_waivers(
    api: ApiServer,
    cluster: str,
    publisher: Publisher,
    settings: ClusterSettings,
    clock: Clock,
    known: KnownObjects,
    notice: Callable[[], None],
) -> list[Reflector]:
    """One, where waivers are in ConfigMaps."""
    if not settings.waiver_namespace:
        return []
    maps = WaiverMaps(cluster, publisher, settings, clock, known.waivers, known.waiver_failures)
    return [Reflector(api, CONFIG_MAPS, settings.waiver_namespace, maps, settings, notice, SELECTOR)]


async def list_waivers(
    api: ApiServer,
    cluster: str,
    publisher: Publisher,
    settings: ClusterSettings,
    clock: Clock,
    known: KnownObjects,
) -> str:
    """Publish the waivers in ConfigMaps there are now; returns why they cannot be read, if they cannot.

    Raises ApiError where the server cannot be asked.
    """
    for reflector in _of_waivers(api, cluster, publisher, settings, clock, known, lambda: None):
        try:
            await reflector.once()
        except (DeniedError, MissingError) as error:
            return str(error)
    return ""


def _restored(reflector: Reflector, mirror: Mirror, cluster: str, known: KnownObjects) -> Reflector:
    """It knows what an earlier run told of its kind and namespace, and of no other."""
    prefix = resource_key(cluster, "")
    failing = dict(objects_of(reflector.kind, reflector.namespace, known.failures))
    mirror.restore_failures(failing)
    reflector.state.restore(failing)
    reflector.state.restore(
        key.removeprefix(prefix)
        for key, (kind, namespace) in known.resources.items()
        if kind == reflector.kind.kind and reflector.namespace in ("", namespace)
    )
    return reflector


def _listing(reflectors: Sequence[Reflector]) -> Listing:
    objects: dict[str, int] = {}
    for each in reflectors:
        objects[each.kind.plural] = objects.get(each.kind.plural, 0) + len(each.state.known)
    return Listing(objects, {each.kind.plural: each.trouble for each in reflectors if each.trouble})


async def _settled(
    parts: Sequence[Reflector | Policies], changed: asyncio.Event, stopping: "asyncio.Task[bool]"
) -> None:
    """Wait until each kind was listed once, or cannot be, and policies have their texts, or cannot."""
    await _until(lambda: all(each.settled for each in parts), changed, stopping)


async def _until(
    condition: Callable[[], bool], changed: asyncio.Event, stopping: "asyncio.Task[bool]"
) -> None:
    """Wait until something is so, or `stopping` is done; `changed` is set when it may have become so."""
    while not stopping.done() and not condition():
        changed.clear()
        waiting = asyncio.create_task(changed.wait(), name="changes")
        try:
            await asyncio.wait({waiting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()


@asynccontextmanager
async def _stopping(stop: asyncio.Event) -> AsyncIterator["asyncio.Task[bool]"]:
    """A task that is done when `stop` is set."""
    task = asyncio.create_task(stop.wait(), name="stop")
    try:
        yield task
    finally:
        task.cancel()

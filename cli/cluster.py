"""A live cluster as the source of `run` and `scan`."""

import asyncio
import platform
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import uuid4

from cli.render.text import counted
from cli.talk import say
from cli.wire import Earlier, default_policies, known_to, now
from pipeline.bus import Bus, Publisher
from pipeline.events import Topic
from pipeline.settings import Settings
from pipeline.telemetry.health import LISTED
from watcher.app import publish_policies
from watcher.cluster.api import ApiServer, cluster_name
from watcher.cluster.app import KnownObjects, Listing, follow, list_policies, list_resources, list_waivers
from watcher.cluster.counts import Counts
from watcher.cluster.failures import WAIVERS, is_of_cluster
from watcher.cluster.kinds import CONFIG_MAPS, POLICIES
from watcher.cluster.lease import Candidate, Lease
from watcher.follow import follow as follow_files
from watcher.known import Known, Remainders
from watcher.records import Failure, failure_record, tombstone
from watcher.summary import Summary

if TYPE_CHECKING:
    from cli.telemetry import Telemetry
    from sink.store import Store


def for_cluster(settings: Settings, context: str | None, namespace: str | None) -> Settings:
    """Settings for a cluster: it is called as its context is, and -n says which namespace to look at."""
    update: dict[str, object] = {}
    if context:
        update["context"] = context
    if namespace:
        update["namespaces"] = frozenset({namespace})
    settings = settings.model_copy(update=update)
    if settings.cluster_given:
        return settings
    return settings.model_copy(update={"cluster": cluster_name(settings.api_server)})


async def as_only_one(settings: Settings, work: Callable[[], Awaitable[None]], stop: asyncio.Event) -> None:
    """Do the work at once, or, where a Lease is set, while this process holds it."""
    group = settings.api_server
    if not group.lease:
        return await work()
    candidate = Candidate(f"{platform.node()}_{uuid4()}", group.lease_duration)
    async with ApiServer.connect(group) as api:
        return await Lease(api, group.lease, candidate, now).held(work, stop)


async def follow_cluster(
    settings: Settings,
    policies: tuple[str, ...],
    waivers: tuple[str, ...],
    bus: Publisher,
    stop: asyncio.Event,
    store: Earlier,
    telemetry: "Telemetry",
    after_list: Callable[[], None] = lambda: None,
) -> None:
    """Follow a cluster until `stop`: by its own ClusterImagePolicies, or by those in files."""
    earlier = await known_to(store, settings.cluster)
    known = await _known_objects(store, settings, earlier, own_policies=not policies)
    counts = Counts()

    def listed(listing: Listing) -> None:
        telemetry.health.has(LISTED)
        _say_listed(listing, own_policies=not policies)
        after_list()

    known_files = in_files(earlier, settings)
    if not policies:
        known_files = replace(known_files, policies={})
    looked = asyncio.Event()
    async with ApiServer.connect(settings.api_server) as api, asyncio.TaskGroup() as group:
        telemetry.measure_watcher(counts, api)
        if policies or waivers or known_files.waivers:
            following = follow_files(
                *((), policies, bus, settings.source, now, stop),
                known=known_files,
                listed=lambda _: looked.set(),
                waiver_paths=waivers,
            )
            group.create_task(following, name="policy-files")
            await _either(looked, stop)  # so that nothing rings that is waived
        elif known_files.failures:  # of files that were named then, and are not now
            await bus.publish([tombstone(Topic.DEADLETTERS, key) for key in known_files.failures])
        await follow(
            api,
            settings.cluster,
            bus,
            settings.api_server,
            now,
            stop,
            policies=not policies,
            known=known,
            listed=listed,
            counts=counts,
        )


async def _either(first: asyncio.Event, second: asyncio.Event) -> None:
    waiting = {asyncio.create_task(each.wait(), name="either") for each in (first, second)}
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()


def in_files(earlier: Known, settings: Settings) -> Known:
    """What earlier runs published from files; with the ConfigMaps of waivers where none are followed."""

    def mine(place: str) -> bool:
        withdrawn = place.startswith(WAIVERS) and not settings.waiver_namespace
        return withdrawn or not is_of_cluster(place)

    return Known(
        policies=earlier.policies,
        failures={key: place for key, place in earlier.failures.items() if mine(place)},
        waivers={key: place for key, place in earlier.waivers.items() if mine(place)},
    )


async def scan_cluster(
    settings: Settings,
    policies: tuple[str, ...],
    bus: Bus,
    stop: asyncio.Event,
    store: "Store | None",
    earlier: Known,
    left: Remainders,
    loaded: Callable[[Summary], Awaitable[None]],
    progress: Callable[[Summary], None],
) -> Summary:
    """Publish a cluster once. `loaded` is called when every policy is published, with what came of it.

    Policies: those in files, else the cluster's own, else the catalog's baseline. `left`, of
    `earlier`, is counted down.
    """
    known = (
        await _known_objects(store, settings, earlier, own_policies=not policies)
        if store is not None
        else KnownObjects()
    )
    group = settings.api_server
    async with ApiServer.connect(group) as api:
        denied = await list_waivers(api, settings.cluster, bus, group, now, known)
        if not policies:
            own = await list_policies(api, settings.cluster, bus, group, now, known.policies)
            if POLICIES.plural not in own.troubles:
                for key in known.policies:  # listed, or withdrawn
                    left.policies.found(key)
            if not own.objects.get(POLICIES.plural):
                policies = default_policies()
        # without any: what was known of the baseline is gone
        summary = await publish_policies(policies, bus, settings.source, now, stop, left)
        await loaded(summary)
        listing = await list_resources(
            api,
            settings.cluster,
            bus,
            group,
            now,
            known=known,
            progress=lambda count: progress(Summary(resources=count)),
        )
    troubles = {**({CONFIG_MAPS.plural: denied} if denied else {}), **listing.troubles}
    failures = [Failure(plural, trouble) for plural, trouble in troubles.items()]
    await bus.publish([failure_record(settings.cluster, failure, now()) for failure in failures])
    return summary


async def _known_objects(
    store: Earlier, settings: Settings, earlier: Known, *, own_policies: bool
) -> KnownObjects:
    own = (key for key, file in earlier.policies.items() if not file)
    policies = frozenset(own if own_policies else ())
    return KnownObjects(
        await store.known_kinds(settings.cluster),
        policies,
        frozenset(filter(is_of_cluster, earlier.failures.values())),
        {key: place for key, place in earlier.waivers.items() if place.startswith(WAIVERS)},
        frozenset(key for key, place in earlier.failures.items() if place.startswith(WAIVERS)),
    )


def _say_listed(listing: Listing, *, own_policies: bool) -> None:
    """What the first list found; what could not be read is in the log."""
    policies = listing.objects.get(POLICIES.plural, 0)
    resources = sum(listing.objects.values()) - policies
    lines = [f"read {counted(resources, 'resource')} and {counted(policies, 'policy')}"]
    if own_policies and not policies:
        lines.append("the cluster has no ClusterImagePolicy: name policies with -p")
    for line in lines:
        say(line)

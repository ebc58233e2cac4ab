"""Manifests to the log, once: what `tocsin scan` needs. `watcher.follow` goes on after that.

Paths that the user named and that cannot be read are in `Summary.unreadable`;
everything wrong inside files is counted in `Summary.failures`. Both are published
as SourceFailed on the dead letters, and nothing of it stops the rest. What earlier
runs left of the same paths and is gone, or mended, gets its tombstone
(docs/decisions/0006): `left` is counted down.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime

from pipeline.bus import Publisher, Record
from pipeline.events import Topic, policy_key, resource_key
from pipeline.settings import SourceSettings
from watcher.config_maps import ConfigMap
from watcher.file_texts import FileTexts, may_hold_texts
from watcher.known import Remainders
from watcher.manifests import Listing, ManifestFile, find
from watcher.objects import POLICY_KIND, PassedOver
from watcher.policies import choose
from watcher.pump import Pump
from watcher.reading import EndOfFile, Found, FoundPolicy, FoundResource, read_files
from watcher.records import Failure, failure_record, policy_record, resource_record, tombstone
from watcher.summary import Summary, Tally

Clock = Callable[[], datetime]
Progress = Callable[[Summary], None]

BATCH = 64
"""Documents between two looks at `stop`; some 20 ms of work."""


async def read_batches(
    files: Sequence[ManifestFile],
    settings: SourceSettings,
    stop: asyncio.Event,
    tally: Tally,
    *,
    config_maps: bool = False,
) -> AsyncIterator[list[Found]]:
    """What is in these files, until their end or `stop`. `config_maps`: see `read_files`."""
    if not files:
        return
    pump = Pump(read_files(files, settings, config_maps=config_maps), BATCH)
    try:
        while batch := await pump.next(stop):
            yield batch
        tally.interrupted = tally.interrupted or stop.is_set()
    finally:
        pump.close()


async def publish_policies(
    paths: Sequence[str],
    publisher: Publisher,
    settings: SourceSettings,
    clock: Clock,
    stop: asyncio.Event | None = None,
    left: Remainders | None = None,
) -> Summary:
    """Publish every ClusterImagePolicy at these paths; other kinds are passed over.

    ConfigMaps that policies name are taken from the same paths.
    """
    tally, stop, left = Tally(), stop or asyncio.Event(), left or Remainders(settings.cluster)
    listing = await asyncio.to_thread(find, paths)
    failures: list[Failure] = []
    found_policies: list[FoundPolicy] = []
    config_maps: list[ConfigMap] = []
    async for batch in read_batches(listing.files, settings, stop, tally, config_maps=True):
        for found in batch:
            match found:
                case FoundPolicy():
                    found_policies.append(found)
                case FoundResource():
                    tally.passed_over[found.resource.ref.kind] += 1
                case PassedOver(config_map=ConfigMap() as config_map):
                    tally.passed_over[found.kind] += 1
                    if may_hold_texts(config_map, settings.texts):
                        config_maps.append(config_map)
                case _:
                    failures += count(found, tally)
    choice = choose(found_policies)
    tally.policies = len(choice.used)
    tally.failures += len(choice.repeated)
    left.listed(listing.problems)
    left.failed(failures)
    left.repeated(choice.repeated)
    used = choice.used
    policies = await FileTexts(settings.texts).resolve((each.policy for each in used.values()), config_maps)
    time, cluster = clock(), settings.cluster
    records: list[Record] = []
    for name, policy in policies.items():
        left.policies.found(policy_key(cluster, name))
        records.append(policy_record(cluster, used[name].file, policy, time))
    if not stop.is_set():
        records += [tombstone(Topic.POLICIES, key) for key in left.policies.gone]
    failures = [*path_failures(listing, tally), *failures, *choice.repeated]
    records += [failure_record(cluster, failure, time) for failure in failures]
    await _publish(publisher, records)
    return tally.summary()


async def publish_manifests(
    paths: Sequence[str],
    publisher: Publisher,
    settings: SourceSettings,
    clock: Clock,
    stop: asyncio.Event,
    progress: Progress | None = None,
    left: Remainders | None = None,
) -> Summary:
    """Publish every workload at these paths, as it is read; other kinds are passed over.

    `stop` ends the reading at the next batch; what was read before is published,
    and nothing is gone. `progress` is called after each batch.
    """
    cluster = settings.cluster
    tally, left = Tally(), left or Remainders(cluster)
    listing = await asyncio.to_thread(find, paths)
    left.listed(listing.problems)
    time = clock()
    failures = path_failures(listing, tally)
    await _publish(publisher, [failure_record(cluster, failure, time) for failure in failures])
    async for batch in read_batches(listing.files, settings, stop, tally):
        records: list[Record] = []
        time = clock()
        for found in batch:
            match found:
                case FoundResource():
                    tally.resources += 1
                    left.resources.found(resource_key(cluster, found.uid))
                    records.append(resource_record(cluster, found.file, found.resource, found.uid, time))
                case FoundPolicy():
                    tally.passed_over[POLICY_KIND] += 1
                case _:
                    failures = count(found, tally)
                    left.failed(failures)
                    records += [failure_record(cluster, failure, time) for failure in failures]
        await _publish(publisher, records)
        if progress is not None:
            progress(tally.summary())
    if not stop.is_set():
        gone = [tombstone(Topic.RESOURCES, key) for key in left.resources.gone]
        await _publish(publisher, gone + [tombstone(Topic.DEADLETTERS, key) for key in left.failures.gone])
    return tally.summary()


async def _publish(publisher: Publisher, records: Sequence[Record]) -> None:
    if records:
        await publisher.publish(records)


def path_failures(listing: Listing, tally: Tally) -> list[Failure]:
    """The failures of the paths themselves, counted."""
    for problem in listing.problems:
        tally.path_problem(problem)
    return [Failure.of_path(problem) for problem in listing.problems]


def count(found: PassedOver | Failure | EndOfFile, tally: Tally) -> list[Failure]:
    """Count what is neither resource nor policy; returns what there is to report of it."""
    match found:
        case PassedOver():
            tally.passed_over[found.kind] += 1
        case Failure():
            tally.failures += 1
            return [found]
        case EndOfFile(problem=problem) if problem is not None:
            tally.path_problem(problem)
            return [Failure.of_path(problem)]
        case EndOfFile():
            pass
    return []

"""Manifests to the log, once: what `tocsin scan` needs. `watcher.follow` goes on after that.

Paths that the user named and that cannot be read are in `Summary.unreadable`;
everything wrong inside files is counted in `Summary.failures`. Both are published
as SourceFailed on the dead letters, and nothing of it stops the rest.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime

from pipeline.bus import Publisher, Record
from pipeline.settings import SourceSettings
from watcher.manifests import Listing, ManifestFile, find
from watcher.objects import POLICY_KIND, PassedOver
from watcher.policies import choose
from watcher.pump import Pump
from watcher.reading import EndOfFile, Found, FoundPolicy, FoundResource, read_files
from watcher.records import Failure, failure_record, policy_record, resource_record
from watcher.summary import Summary, Tally

Clock = Callable[[], datetime]
Progress = Callable[[Summary], None]

BATCH = 64
"""Documents between two looks at `stop`; some 20 ms of work."""


async def read_batches(
    files: Sequence[ManifestFile], settings: SourceSettings, stop: asyncio.Event, tally: Tally
) -> AsyncIterator[list[Found]]:
    """What is in these files, until their end or `stop`."""
    if not files:
        return
    pump = Pump(read_files(files, settings), BATCH)
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
) -> Summary:
    """Publish every ClusterImagePolicy at these paths; other kinds are passed over."""
    tally = Tally()
    listing = await asyncio.to_thread(find, paths)
    failures = path_failures(listing, tally)
    found_policies: list[FoundPolicy] = []
    async for batch in read_batches(listing.files, settings, stop or asyncio.Event(), tally):
        for found in batch:
            match found:
                case FoundPolicy():
                    found_policies.append(found)
                case FoundResource():
                    tally.passed_over[found.resource.ref.kind] += 1
                case _:
                    failures += count(found, tally)
    choice = choose(found_policies)
    tally.policies = len(choice.used)
    tally.failures += len(choice.repeated)
    time = clock()
    records = [policy_record(settings.cluster, used.file, used.policy, time) for used in choice.used.values()]
    records += [failure_record(settings.cluster, failure, time) for failure in (*failures, *choice.repeated)]
    if records:
        await publisher.publish(records)
    return tally.summary()


async def publish_manifests(
    paths: Sequence[str],
    publisher: Publisher,
    settings: SourceSettings,
    clock: Clock,
    stop: asyncio.Event,
    progress: Progress | None = None,
) -> Summary:
    """Publish every workload at these paths, as it is read; other kinds are passed over.

    `stop` ends the reading at the next batch; what was read before is published.
    `progress` is called after each batch.
    """
    tally = Tally()
    listing = await asyncio.to_thread(find, paths)
    failures = path_failures(listing, tally)
    await _publish_failures(failures, publisher, settings, clock)
    async for batch in read_batches(listing.files, settings, stop, tally):
        records: list[Record] = []
        time = clock()
        for found in batch:
            match found:
                case FoundResource():
                    tally.resources += 1
                    records.append(
                        resource_record(settings.cluster, found.file, found.resource, found.uid, time)
                    )
                case FoundPolicy():
                    tally.passed_over[POLICY_KIND] += 1
                case _:
                    records += [
                        failure_record(settings.cluster, failure, time) for failure in count(found, tally)
                    ]
        if records:
            await publisher.publish(records)
        if progress is not None:
            progress(tally.summary())
    return tally.summary()


async def _publish_failures(
    failures: Sequence[Failure], publisher: Publisher, settings: SourceSettings, clock: Clock
) -> None:
    if failures:
        time = clock()
        await publisher.publish([failure_record(settings.cluster, failure, time) for failure in failures])


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

"""Manifests to the log, once: what `tocsin scan` needs. `watcher.follow` goes on after that.

Paths that the user named and that cannot be read are in `Summary.unreadable`, and
nowhere else: a slip of the pen leaves nothing behind. Everything wrong inside files is
counted in `Summary.failures` and published as SourceFailed on the dead letters.
Nothing of it stops the rest. What earlier
runs left of the same paths and is gone, or mended, gets its tombstone
(docs/decisions/0006): `left` is counted down.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from datetime import datetime

from pipeline.bus import Publisher, Record
from pipeline.events import Topic, policy_key, resource_key
from pipeline.settings import SourceSettings
from watcher.config_maps import ConfigMap
from watcher.file_texts import FileTexts, may_hold_texts
from watcher.known import Remainders
from watcher.manifests import Listing, ManifestFile, PathProblem, Trouble, find, plain_path
from watcher.objects import POLICY_KIND, PassedOver
from watcher.policies import choose
from watcher.pump import Pump
from watcher.reading import EndOfFile, Found, FoundPolicy, FoundResource, read_files
from watcher.records import Failure, failure_record, policy_record, resource_record, tombstone
from watcher.snapshot import is_below
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


class _PolicyFiles:
    """What files hold of policies. `empty`: files that hold nothing of them."""

    def __init__(self, settings: SourceSettings, tally: Tally) -> None:
        self._texts = settings.texts
        self._tally = tally
        self._holds_any = False
        self.policies: list[FoundPolicy] = []
        self.config_maps: list[ConfigMap] = []
        self.failures: list[Failure] = []
        self.empty: set[str] = set()

    def take(self, found: Found) -> None:
        match found:
            case FoundPolicy():
                self._holds_any = True
                self.policies.append(found)
            case FoundResource():
                self._tally.passed_over[found.resource.ref.kind] += 1
            case PassedOver(config_map=ConfigMap() as config_map):
                self._tally.passed_over[found.kind] += 1
                if may_hold_texts(config_map, self._texts):
                    self._holds_any = True
                    self.config_maps.append(config_map)
            case _:
                failures = count(found, self._tally)
                self._holds_any = self._holds_any or bool(failures)
                self.failures += failures
                if isinstance(found, EndOfFile):
                    if not self._holds_any:
                        self.empty.add(found.file)
                    self._holds_any = False


async def publish_policies(
    paths: Sequence[str],
    publisher: Publisher,
    settings: SourceSettings,
    clock: Clock,
    stop: asyncio.Event | None = None,
    left: Remainders | None = None,
) -> Summary:
    """Publish every ClusterImagePolicy at these paths; other kinds are passed over.

    ConfigMaps that policies name are taken from the same paths. A path with neither cannot be
    meant: it is in `Summary.unreadable`, and nothing that was known from it is gone.
    """
    tally, stop, left = Tally(), stop or asyncio.Event(), left or Remainders(settings.cluster)
    listing = await asyncio.to_thread(find, paths)
    read = _PolicyFiles(settings, tally)
    async for batch in read_batches(listing.files, settings, stop, tally, config_maps=True):
        for found in batch:
            read.take(found)
    choice = choose(read.policies)
    tally.policies = len(choice.used)
    tally.failures += len(choice.repeated)
    vain = [] if tally.interrupted else _without_policies(paths, listing, read.empty)
    for problem in vain:
        tally.path_problem(problem)
    left.listed(listing.problems)
    left.without_policies([*vain, *(problem for problem in listing.problems if problem.named)])
    left.failed(read.failures)
    left.repeated(choice.repeated)
    used = choice.used
    policies = await FileTexts(settings.texts).resolve(
        (each.policy for each in used.values()), read.config_maps
    )
    time, cluster = clock(), settings.cluster
    records: list[Record] = []
    for name, policy in policies.items():
        left.policies.found(policy_key(cluster, name))
        records.append(policy_record(cluster, used[name].file, policy, time))
    if not stop.is_set():
        records += [tombstone(Topic.POLICIES, key) for key in left.policies.gone]
    failures = tally.to_tell([*path_failures(listing, tally), *read.failures, *choice.repeated])
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
    failures = tally.to_tell(path_failures(listing, tally))
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
                    told = tally.to_tell(failures)
                    records += [failure_record(cluster, failure, time) for failure in told]
        await _publish(publisher, records)
        if progress is not None:
            progress(tally.summary())
    if not stop.is_set():
        gone = [tombstone(Topic.RESOURCES, key) for key in left.resources.gone]
        await _publish(publisher, gone + [tombstone(Topic.DEADLETTERS, key) for key in left.failures.gone])
    return tally.summary()


def _without_policies(paths: Sequence[str], listing: Listing, empty: Collection[str]) -> list[PathProblem]:
    """A problem for each path of whose files none holds a policy, or what policies need."""
    problems: list[PathProblem] = []
    for path in dict.fromkeys(map(plain_path, paths)):
        files = [file.name for file in listing.files if is_below(file.name, [path])]
        if files and all(file in empty for file in files):
            problems.append(PathProblem(path, Trouble.EMPTY, f"no {POLICY_KIND} in it", named=True))
    return problems


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

"""The workloads of some paths, kept equal on the log to what is on disk."""

import asyncio
from collections.abc import Mapping, Sequence

from pipeline.bus import Publisher, Record
from pipeline.events import Topic, resource_key
from pipeline.settings import SourceSettings
from watcher.app import Clock, count, path_failures, read_batches
from watcher.objects import POLICY_KIND
from watcher.reading import EndOfFile, Found, FoundPolicy, FoundResource
from watcher.records import Failure, failure_record, resource_record, tombstone
from watcher.snapshot import Difference, Snapshot
from watcher.summary import Tally
from watcher.tracking import FailureTracker, ResourceTracker


class FollowedResources:
    """See `watcher.follow`. Objects pass through in batches; only digests stay."""

    def __init__(
        self,
        paths: Sequence[str],
        publisher: Publisher,
        settings: SourceSettings,
        clock: Clock,
        known: Mapping[str, str],
    ) -> None:
        self._publisher = publisher
        self._settings = settings
        self._clock = clock
        self._snapshot = Snapshot(paths)
        self._resources = ResourceTracker(known)
        self._failures = FailureTracker(settings.cluster)
        self._failures_of: dict[str, list[Failure]] = {}

    @property
    def failing(self) -> frozenset[str]:
        """Keys of the failures on the log."""
        return self._failures.published

    async def refresh(self, stop: asyncio.Event, tally: Tally) -> None:
        """Look at the disk, publish what is different. At `stop` the rest is left for the next run."""
        difference = await asyncio.to_thread(self._snapshot.look, self._resources.files)
        pending: dict[str, list[Failure]] = {}
        async for batch in read_batches(difference.due, self._settings, stop, tally):
            await self._publish([record for found in batch for record in self._take(found, pending, tally)])
        if not stop.is_set():
            await self._publish(self._settle(difference, tally))

    async def _publish(self, records: list[Record]) -> None:
        if records:
            await self._publisher.publish(records)

    def _take(self, found: Found, pending: dict[str, list[Failure]], tally: Tally) -> list[Record]:
        """The records of one thing that was read. `pending`: failures of the file at hand."""
        cluster = self._settings.cluster
        match found:
            case FoundResource():
                tally.resources += 1
                key = resource_key(cluster, found.uid)
                if not self._resources.found(found.file, key, found.resource.digest):
                    return []
                return [resource_record(cluster, found.file, found.resource, found.uid, self._clock())]
            case FoundPolicy():
                tally.passed_over[POLICY_KIND] += 1
            case _:
                for failure in count(found, tally):
                    pending.setdefault(failure.file, []).append(failure)
        return self._end(found.file, pending) if isinstance(found, EndOfFile) else []

    def _end(self, file: str, pending: dict[str, list[Failure]]) -> list[Record]:
        """A file was read to its end: what is not in it any more is gone."""
        failures = self._failures_of[file] = pending.pop(file, [])
        return [tombstone(Topic.RESOURCES, key) for key in self._resources.end(file, complete=not failures)]

    def _settle(self, difference: Difference, tally: Tally) -> list[Record]:
        """Files that are gone, and the failures there are now."""
        records: list[Record] = []
        for file in difference.gone:
            records += self._end(file, {})
            del self._failures_of[file]
        failures = path_failures(difference.listing, tally)
        failures += [failure for each in self._failures_of.values() for failure in each]
        new, mended = self._failures.change(failures)
        time = self._clock()
        records += [failure_record(self._settings.cluster, failure, time) for failure in new]
        records += [tombstone(Topic.DEADLETTERS, key) for key in mended]
        return records

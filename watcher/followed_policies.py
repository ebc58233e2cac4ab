"""The policies of some paths, kept equal on the log to what is on disk.

Policies are few: they are held in memory, so that when the first of a name goes,
the second takes its place without being read again.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

from pipeline.bus import Publisher, Record
from pipeline.events import Topic, policy_key
from pipeline.settings import SourceSettings
from watcher.app import Clock, count, path_failures, read_batches
from watcher.config_maps import SIGSTORE_KEYS, ConfigMap
from watcher.file_texts import FileTexts, may_hold_texts
from watcher.objects import PassedOver
from watcher.policies import choose
from watcher.reading import EndOfFile, Found, FoundPolicy, FoundResource
from watcher.records import Failure, failure_record, policy_record, tombstone
from watcher.snapshot import Difference, Snapshot, is_below
from watcher.summary import Tally
from watcher.tracking import FailureTracker, PolicyTracker, PublishedPolicy


class FollowedPolicies:
    """See `watcher.follow`."""

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
        self._published = PolicyTracker(known)
        self._failures = FailureTracker(settings.cluster)
        self._policies_of: dict[str, list[FoundPolicy]] = {}
        self._failures_of: dict[str, list[Failure]] = {}
        self._config_maps_of: dict[str, list[ConfigMap]] = {}
        self._texts = FileTexts(settings.texts)

    @property
    def failing(self) -> frozenset[str]:
        """Keys of the failures on the log."""
        return self._failures.published

    async def refresh(self, stop: asyncio.Event, tally: Tally) -> None:
        """Look at the disk, publish what is different. At `stop` the rest is left for the next run."""
        known = self._published.files | self._policies_of.keys()
        difference = await asyncio.to_thread(self._snapshot.look, known)
        reading: list[Found] = []
        async for batch in read_batches(difference.due, self._settings, stop, tally, config_maps=True):
            for found in batch:
                if isinstance(found, FoundResource):
                    tally.passed_over[found.resource.ref.kind] += 1
                else:
                    reading.append(found)
                if isinstance(found, EndOfFile):
                    self._end(found.file, reading, tally)
                    reading = []
        if not stop.is_set():
            records = await self._settle(difference, tally)
            if records:
                await self._publisher.publish(records)

    def _end(self, file: str, reading: list[Found], tally: Tally) -> None:
        """A file was read. What it held stays where it could not be read in full."""
        policies = [found for found in reading if isinstance(found, FoundPolicy)]
        failures = [
            failure
            for found in reading
            if not isinstance(found, FoundPolicy | FoundResource)
            for failure in count(found, tally)
        ]
        if failures:
            names = {found.policy.name for found in policies}
            policies += [found for found in self._policies_of.get(file, ()) if found.policy.name not in names]
        config_maps = [
            found.config_map
            for found in reading
            if isinstance(found, PassedOver)
            and found.config_map
            and may_hold_texts(found.config_map, self._settings.texts)
        ]
        if failures:
            held = {_identity(each) for each in config_maps}
            config_maps += [
                each for each in self._config_maps_of.get(file, ()) if _identity(each) not in held
            ]
        self._policies_of[file] = policies
        self._config_maps_of[file] = config_maps
        self._failures_of[file] = failures

    async def _settle(self, difference: Difference, tally: Tally) -> list[Record]:
        """Choose among all policies there are now, and bring the log up to that."""
        for file in difference.gone:
            self._policies_of.pop(file, None)
            self._failures_of.pop(file, None)
            self._config_maps_of.pop(file, None)
        choice = choose(found for file in self._order(difference) for found in self._policies_of[file])
        policies = await self._texts.resolve(
            (found.policy for found in choice.used.values()),
            (config_map for file in self._order(difference) for config_map in self._config_maps_of[file]),
        )
        cluster, time = self._settings.cluster, self._clock()
        chosen = {
            policy_key(cluster, name): replace(found, policy=policies[name])
            for name, found in choice.used.items()
        }
        present = {key: PublishedPolicy(found.file, found.policy.digest) for key, found in chosen.items()}
        new, gone = self._published.change(present, self._unsure(difference))
        records = [policy_record(cluster, chosen[key].file, chosen[key].policy, time) for key in new]
        records += [tombstone(Topic.POLICIES, key) for key in gone]
        failures = path_failures(difference.listing, tally) + list(choice.repeated)
        failures += [failure for each in self._failures_of.values() for failure in each]
        unsaid, mended = self._failures.change(failures)
        tally.policies = len(chosen)
        tally.failures += len(choice.repeated)
        records += [failure_record(cluster, failure, time) for failure in unsaid]
        records += [tombstone(Topic.DEADLETTERS, key) for key in mended]
        return records

    def _order(self, difference: Difference) -> list[str]:
        """The files in the order in which the first of a name counts; those that cannot be seen, last."""
        listed = [file.name for file in difference.listing.files if file.name in self._policies_of]
        return listed + [file for file in self._policies_of if file not in listed]

    def _unsure(self, difference: Difference) -> frozenset[str]:
        """Files whose policies stay on the log although they are not found now."""
        broken = {file for file, failures in self._failures_of.items() if failures}
        hidden = {file for file in self._published.files if is_below(file, difference.shielded)}
        return frozenset(broken | hidden)


def _identity(config_map: ConfigMap) -> tuple[str, ...]:
    """What it replaces when it is read again: of a TrustRoot, only its own entry."""
    return (config_map.name, *(config_map.data if config_map.name == SIGSTORE_KEYS else ()))

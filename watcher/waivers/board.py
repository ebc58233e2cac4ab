"""Which waivers there are now, and what the log has to be told of it. Pure: no I/O, no clock.

Waivers are few: they are held in memory, so that when the first of a name goes, the second
takes its place. A source that cannot be read in full keeps its last good ones: a slip in one
waiver shall not make the violations of the others ring.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from pipeline.bus import Record
from pipeline.events import Topic
from pipeline.waivers import waiver_key
from watcher.records import Failure, failure_record, tombstone, waiver_record
from watcher.tracking import FailureTracker, PolicyTracker, PublishedPolicy
from watcher.waivers.reading import FoundWaiver, choose


class Board:
    """`known`: key -> source of the waivers that an earlier run told; a source is a file, or a ConfigMap.

    `failures`: keys of what it could not read.
    """

    def __init__(self, cluster: str, known: Mapping[str, str], failures: Iterable[str] = ()) -> None:
        self._cluster = cluster
        self._published = PolicyTracker(known)
        self._failures = FailureTracker(cluster)
        self._failures.restore(failures)
        self._waivers_of: dict[str, list[FoundWaiver]] = {}
        self._failures_of: dict[str, list[Failure]] = {}

    @property
    def sources(self) -> frozenset[str]:
        """Everything that waivers are of, or were."""
        return self._published.files | self._waivers_of.keys()

    @property
    def failing(self) -> frozenset[str]:
        """Keys of the failures on the log."""
        return self._failures.published

    def put(self, source: str, waivers: list[FoundWaiver], failures: list[Failure]) -> None:
        """What was read of a source."""
        if failures:
            names = {found.waiver.name for found in waivers}
            earlier = self._waivers_of.get(source, ())
            waivers = waivers + [found for found in earlier if found.waiver.name not in names]
        self._waivers_of[source] = waivers
        self._failures_of[source] = failures

    def drop(self, source: str) -> None:
        """A source is gone."""
        self._waivers_of.pop(source, None)
        self._failures_of.pop(source, None)

    def settle(
        self, order: Sequence[str], unsure: frozenset[str], failures: Sequence[Failure], time: datetime
    ) -> tuple[list[Record], int]:
        """What is to be published, and how many waivers are not used because of their names.

        `order`: of sources, in which the first of a name counts. `unsure`: sources that cannot be
        seen; what was told of them stays. `failures`: besides those of sources.
        """
        listed = [source for source in order if source in self._waivers_of]
        order = listed + [source for source in self._waivers_of if source not in listed]
        choice = choose(found for source in order for found in self._waivers_of[source])
        chosen = {waiver_key(self._cluster, name): found for name, found in choice.used.items()}
        present = {key: PublishedPolicy(each.file, each.waiver.digest) for key, each in chosen.items()}
        broken = {source for source, found in self._failures_of.items() if found}
        new, gone = self._published.change(present, unsure | broken)
        found = [failure for each in self._failures_of.values() for failure in each]
        unsaid, mended = self._failures.change([*failures, *choice.repeated, *found])
        records = [
            *(waiver_record(chosen[key].waiver, time) for key in new),
            *(tombstone(Topic.POLICIES, key) for key in gone),
            *(failure_record(self._cluster, failure, time) for failure in unsaid),
            *(tombstone(Topic.DEADLETTERS, key) for key in mended),
        ]
        return records, len(choice.repeated)

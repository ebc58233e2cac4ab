"""What is on the log from which file: the memory of `watcher.follow`. Pure: no I/O, no clock.

Digests and ids only, never objects: the memory is some hundred bytes a resource.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from watcher.records import Failure, failure_id


@dataclass(slots=True)
class _File:
    """Digest by key: what was published before, and what the reading at hand has found."""

    published: dict[str, str] = field(default_factory=dict)
    found: dict[str, str] = field(default_factory=dict)


class ResourceTracker:
    """Which resources of which file are published.

    `known`: key -> file of an earlier run; what they were is not known.
    """

    def __init__(self, known: Mapping[str, str]) -> None:
        self._files: dict[str, _File] = {}
        for key, file in known.items():
            self._files.setdefault(file, _File()).published[key] = ""

    @property
    def files(self) -> frozenset[str]:
        """The files that have anything published."""
        return frozenset(self._files)

    def found(self, file: str, key: str, digest: str) -> bool:
        """Note a resource that was read; whether it is new or changed."""
        entry = self._files.setdefault(file, _File())
        entry.found[key] = digest
        return entry.published.get(key) != digest

    def end(self, file: str, *, complete: bool) -> Iterator[str]:
        """The file was read; yields the keys that are gone.

        Not `complete`: something in it could not be read. Then nobody can say what
        is gone, and the last good objects stay.
        """
        entry = self._files.pop(file, None)
        if entry is None:
            return
        kept = entry.found if complete else entry.published | entry.found
        if kept:
            self._files[file] = _File(published=kept)
        yield from (key for key in entry.published if key not in kept)


class FailureTracker:
    """Which failures are on the log."""

    def __init__(self, cluster: str) -> None:
        self._cluster = cluster
        self._published: dict[str, str] = {}

    @property
    def published(self) -> frozenset[str]:
        """Keys of the failures on the log."""
        return frozenset(self._published)

    def restore(self, keys: Iterable[str]) -> None:
        """What an earlier run published is published again, or mended."""
        self._published |= dict.fromkeys(keys, "")

    def change(self, failures: Iterable[Failure]) -> tuple[list[Failure], list[str]]:
        """All failures there are now; returns those to publish, and the keys of those that are mended."""
        present = {failure.key(self._cluster): failure for failure in failures}
        ids = {key: failure_id(self._cluster, failure) for key, failure in present.items()}
        new = [failure for key, failure in present.items() if self._published.get(key) != ids[key]]
        mended = [key for key in self._published if key not in ids]
        self._published = ids
        return new, mended


@dataclass(frozen=True, slots=True)
class PublishedPolicy:
    """What is on the log under a policy's key; `digest` is empty where an earlier run put it there."""

    file: str
    digest: str


class PolicyTracker:
    """Which policies are on the log, and from which file."""

    def __init__(self, known: Mapping[str, str]) -> None:
        self._published = {key: PublishedPolicy(file, "") for key, file in known.items()}

    @property
    def files(self) -> frozenset[str]:
        """The files that have anything published."""
        return frozenset(policy.file for policy in self._published.values())

    def change(
        self, present: Mapping[str, PublishedPolicy], unsure: frozenset[str]
    ) -> tuple[list[str], list[str]]:
        """All policies there are now, by key; returns the keys to publish, and those that are gone.

        `unsure`: files that could not be read in full; what was published from them stays.
        """
        new = [key for key, policy in present.items() if self._published.get(key) != policy]
        gone = [
            key for key, policy in self._published.items() if key not in present and policy.file not in unsure
        ]
        self._published = {
            key: policy for key, policy in (self._published | dict(present)).items() if key not in gone
        }
        return new, gone

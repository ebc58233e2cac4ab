"""What earlier runs left on the log, and what a scan of some paths has to say of it. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from types import MappingProxyType

from watcher.manifests import PathProblem, Trouble, plain_path
from watcher.records import Failure
from watcher.snapshot import is_below


@dataclass(frozen=True, slots=True)
class Known:
    """What an earlier run published: keys of the log -> file they came from."""

    resources: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    policies: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    failures: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    waivers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


class Remainder:
    """Keys that were known from some paths and have not been found again.

    A file that could not be read in full, and all below a folder that could not
    be read, may still hold what was known from there: it is `kept`, not `gone`.
    """

    def __init__(self, known: Mapping[str, str], paths: Iterable[str]) -> None:
        places = [plain_path(path) for path in paths]
        self._files = {key: file for key, file in known.items() if is_below(file, places)}
        self._elsewhere = known.keys() - self._files.keys()
        self._unsure: set[str] = set()

    def found(self, key: str) -> None:
        """It is still there."""
        self._files.pop(key, None)
        self._elsewhere.discard(key)

    def unsure(self, file: str) -> None:
        """Nobody can say what is in this file, or folder."""
        self._unsure.add(file)

    @property
    def gone(self) -> list[str]:
        """Keys that are not there any more."""
        return [key for key, file in self._files.items() if not self._is_unsure(file)]

    @property
    def kept(self) -> list[str]:
        """Keys that may be there, but could not be seen."""
        return [key for key, file in self._files.items() if self._is_unsure(file)]

    @property
    def elsewhere(self) -> frozenset[str]:
        """Keys that were known from other paths, and are at none of these."""
        return frozenset(self._elsewhere)

    def _is_unsure(self, file: str) -> bool:
        """By the folders above it: there may be many files, and many that could not be read."""
        if not self._unsure:
            return False
        return file in self._unsure or any(str(folder) in self._unsure for folder in PurePath(file).parents)


class Remainders:
    """What a scan of these paths has not found again of what was known."""

    def __init__(
        self,
        cluster: str,
        known: Known | None = None,
        manifest_paths: Sequence[str] = (),
        policy_paths: Sequence[str] = (),
    ) -> None:
        known = known or Known()
        self.resources = Remainder(known.resources, manifest_paths)
        self.policies = Remainder(known.policies, policy_paths)
        self.failures = Remainder(known.failures, [*manifest_paths, *policy_paths])
        self._cluster = cluster

    def listed(self, problems: Iterable[PathProblem]) -> None:
        """Paths that could not be listed. What was known below one that is not there is gone."""
        for problem in problems:
            if not problem.named:  # else whoever named it is told, and nothing is left of it
                self.failures.found(Failure.of_path(problem).key(self._cluster))
            if problem.trouble is Trouble.UNREADABLE:
                for remainder in (self.resources, self.policies, self.failures):
                    remainder.unsure(problem.path)

    def without_policies(self, problems: Iterable[PathProblem]) -> None:
        """Paths that the user named for policies and that give none: nobody wants all of theirs gone."""
        for problem in problems:
            self.policies.unsure(problem.path)

    def failed(self, failures: Iterable[Failure]) -> None:
        """Files that could not be read in full."""
        for failure in failures:
            self.failures.found(failure.key(self._cluster))
            self.resources.unsure(failure.file)
            self.policies.unsure(failure.file)

    def repeated(self, failures: Iterable[Failure]) -> None:
        """Policies that have no place beside another of their name."""
        for failure in failures:
            self.failures.found(failure.key(self._cluster))

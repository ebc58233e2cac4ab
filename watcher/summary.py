"""What came of reading: counts, and the paths that the user has to mend."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from watcher.manifests import PathProblem
from watcher.records import Failure


@dataclass(frozen=True, slots=True)
class Summary:
    """`failures`: problems with contents. `unreadable`: problems with paths that the user named.

    `passed_over`: kind -> number of objects. `interrupted`: told to stop before the end.
    """

    resources: int = 0
    policies: int = 0
    passed_over: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    failures: int = 0
    unreadable: tuple[PathProblem, ...] = ()
    interrupted: bool = False


@dataclass(slots=True)
class Tally:
    """Counts while reading goes on."""

    resources: int = 0
    policies: int = 0
    passed_over: Counter[str] = field(default_factory=Counter)
    failures: int = 0
    unreadable: list[PathProblem] = field(default_factory=list)
    interrupted: bool = False

    def to_tell(self, failures: Iterable[Failure]) -> list[Failure]:
        """Without paths that the user named: told at once, they are nothing to be asked for later."""
        named = {problem.path for problem in self.unreadable}
        return [failure for failure in failures if failure.place or failure.file not in named]

    def path_problem(self, problem: PathProblem) -> None:
        """A path the user named is the user's to mend; anything below it counts as content."""
        if problem.named:
            self.unreadable.append(problem)
        else:
            self.failures += 1

    def summary(self) -> Summary:
        """The counts as they are now."""
        return Summary(
            resources=self.resources,
            policies=self.policies,
            passed_over=MappingProxyType(dict(sorted(self.passed_over.items()))),
            failures=self.failures,
            unreadable=tuple(self.unreadable),
            interrupted=self.interrupted,
        )

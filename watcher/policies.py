"""Which of several policies of one name is used: the first, in the order of the files."""

from collections.abc import Iterable
from dataclasses import dataclass

from watcher.objects import POLICY_KIND
from watcher.reading import FoundPolicy
from watcher.records import Failure


@dataclass(frozen=True, slots=True)
class Choice:
    """Policies by name, and a failure for each that has no place among them."""

    used: dict[str, FoundPolicy]
    repeated: tuple[Failure, ...]


def choose(found: Iterable[FoundPolicy]) -> Choice:
    """The first policy of each name; every other one of that name names both files."""
    used: dict[str, FoundPolicy] = {}
    repeated: list[Failure] = []
    for policy in found:
        name = policy.policy.name
        first = used.setdefault(name, policy)
        if first is not policy:
            message = (
                f"{POLICY_KIND} {name} is already in {first.file}:{first.place.line}, "
                "which is used; give this one another name"
            )
            repeated.append(Failure(policy.file, message, policy.place))
    return Choice(used, tuple(repeated))

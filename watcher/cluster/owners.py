"""Who is behind an object: its controller's controller, up to the one that nobody controls. Pure.

Follows `ownerReferences` with `controller: true`: Pod -> ReplicaSet -> Deployment,
Pod -> Job -> CronJob. A controller that is not watched is named as the reference has it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from pipeline.events import ResourceRef

MOST_LOOKED_UP = 10_000
"""Answers kept, some 300 bytes each; what is forgotten is asked for again."""
_MOST_STEPS = 8
"""Longer than any chain of controllers; references come from anyone and may go round in circles."""

WATCHED_OWNERS = frozenset(
    {
        ("apps", "Deployment"),
        ("apps", "ReplicaSet"),
        ("apps", "StatefulSet"),
        ("apps", "DaemonSet"),
        ("batch", "CronJob"),
        ("batch", "Job"),
        ("", "ReplicationController"),
    }
)
"""(group, kind) of controllers whose own controller can be known here."""


@dataclass(slots=True)
class Owners:
    """The controller of each controller that is known, by uid; None where nobody controls it."""

    _owner_of: dict[str, ResourceRef | None] = field(default_factory=dict)
    _looked_up: dict[str, ResourceRef | None] = field(default_factory=dict)

    def __contains__(self, uid: str) -> bool:
        """Whether a watch brought it."""
        return uid in self._owner_of

    def __len__(self) -> int:
        return len(self._owner_of) + len(self._looked_up)

    def note(self, uid: str, owner: ResourceRef | None) -> None:
        """Remember who controls an object that may itself control others, until it is forgotten."""
        self._owner_of[uid] = owner
        self._looked_up.pop(uid, None)

    def look_up(self, uid: str, owner: ResourceRef | None) -> None:
        """Remember what the server answered: of an object whose end perhaps nobody will tell."""
        self._looked_up[uid] = owner
        if len(self._looked_up) > MOST_LOOKED_UP:
            del self._looked_up[next(iter(self._looked_up))]

    def forget(self, uids: Iterable[str]) -> None:
        """These objects are gone. What they controlled goes, too, or finds another owner."""
        for uid in uids:
            self._owner_of.pop(uid, None)
            self._looked_up.pop(uid, None)

    def root(self, owner: ResourceRef | None) -> tuple[ResourceRef | None, ResourceRef | None]:
        """The last controller of the chain that begins with `owner`.

        Besides, the one at which the chain broke off because it is not known (yet), or None.
        """
        current = owner
        for _ in range(_MOST_STEPS):
            if current is None or not is_watched(current):
                return current, None
            known = self._owner_of if current.uid in self._owner_of else self._looked_up
            if current.uid not in known:
                return current, current
            above = known[current.uid]
            if above is None:
                return current, None
            current = above
        return owner, None


def is_watched(owner: ResourceRef) -> bool:
    """Whether an owner is of a kind whose own owner can be known."""
    return (owner.api_version.rpartition("/")[0], owner.kind) in WATCHED_OWNERS

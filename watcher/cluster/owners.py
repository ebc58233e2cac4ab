"""Who is behind an object: its controller's controller, up to the one that nobody controls. Pure.

Follows `ownerReferences` with `controller: true`: Pod -> ReplicaSet -> Deployment,
Pod -> Job -> CronJob. A controller that is not watched is named as the reference has it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from pipeline.events import ResourceRef

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

    def note(self, uid: str, owner: ResourceRef | None) -> None:
        """Remember who controls an object that may itself control others."""
        self._owner_of[uid] = owner

    def forget(self, uids: Iterable[str]) -> None:
        """These objects are gone. What they controlled goes, too, or finds another owner."""
        for uid in uids:
            self._owner_of.pop(uid, None)

    def root(self, owner: ResourceRef | None) -> tuple[ResourceRef | None, ResourceRef | None]:
        """The last controller of the chain that begins with `owner`.

        Besides, the one at which the chain broke off because it is not known (yet), or None.
        """
        current = owner
        for _ in range(_MOST_STEPS):
            if current is None or not is_watched(current):
                return current, None
            if current.uid not in self._owner_of:
                return current, current
            above = self._owner_of[current.uid]
            if above is None:
                return current, None
            current = above
        return owner, None


def is_watched(owner: ResourceRef) -> bool:
    """Whether an owner is of a kind whose own owner can be known."""
    return (owner.api_version.rpartition("/")[0], owner.kind) in WATCHED_OWNERS

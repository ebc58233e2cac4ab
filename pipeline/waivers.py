"""Waivers in the event contract: an exception from a policy, with an owner, a reason and an end.

Here as everywhere in the contract: unknown fields of a later version are passed over. What a
document of `kind: Waiver` may hold is for `watcher.waivers` to say.
"""

from collections.abc import Collection
from datetime import datetime

import msgspec

from pipeline.data import Data

WAIVER_GROUP = "tocsin.dev"
WAIVER_KIND = "Waiver"

_MARK = "/waiver/"
"""In the key of a waiver on the policies topic: no policy's name holds a slash."""


class LabelRequirement(Data, frozen=True):
    """What one label must be, as in a LabelSelector: `operator` is In, NotIn, Exists or DoesNotExist."""

    key: str
    operator: str
    values: tuple[str, ...] = ()


class LabelSelector(Data, frozen=True):
    """Labels of the resource itself, as Kubernetes has it: all requirements must hold."""

    match_labels: dict[str, str] = msgspec.field(default_factory=dict)
    match_expressions: tuple[LabelRequirement, ...] = ()


class WaiverMatch(Data, frozen=True):
    """What a waiver covers. Each field narrows; the members of one field are alternatives."""

    clusters: tuple[str, ...] = ()
    """Names or globs, as are namespaces and names."""
    namespaces: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    """With `kinds`: of the resource, or of the workload that it is of."""
    label_selector: LabelSelector | None = None
    images: tuple[str, ...] = ()
    """Image globs as in a ClusterImagePolicy; every image that the verdict is about must match."""


class WaiverRef(Data, frozen=True):
    """The waiver of a verdict: what a reader wants to know of it."""

    name: str
    owner: str
    reason: str
    expires: datetime
    ticket: str = ""


class WaiverApplied(Data, frozen=True):
    """A waiver as it is now; only valid ones are on the log. `digest` covers all that it says."""

    cluster: str
    name: str
    digest: str
    policies: tuple[str, ...]
    """Names or globs."""
    match: WaiverMatch
    owner: str
    reason: str
    expires: datetime
    """From then on it waives nothing."""
    ticket: str = ""
    file: str = ""

    @property
    def ref(self) -> WaiverRef:
        """As verdicts name it."""
        return WaiverRef(
            name=self.name, owner=self.owner, reason=self.reason, expires=self.expires, ticket=self.ticket
        )


def unknown_policies(waiver: WaiverApplied, known: Collection[str]) -> tuple[str, ...]:
    """The policies that it names and that are none of these. A glob is a wish; a name is meant."""
    return tuple(name for name in waiver.policies if not set(name) & set("*?") and name not in known)


def waiver_key(cluster: str, name: str) -> str:
    """Key of a waiver on the log."""
    return f"{cluster}{_MARK}{name}"


def is_waiver_key(key: str) -> bool:
    """Whether a key of the policies topic is a waiver's."""
    return key.startswith(_MARK, key.find("/"))

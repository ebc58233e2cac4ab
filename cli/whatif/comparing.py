"""What a policy would say beside what it says now, resource by resource, rolled up. Pure.

Holds a row for each workload that something changes for, however many resources it has.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import msgspec

from cli.whatif.model import ORDER, Effect, PolicyEffect, WhatIf, WorkloadChange
from pipeline.events import Mode, Outcome, is_violation
from sink.queries.model import Owner, Standing

_WORSE = (Outcome.PASS, Outcome.WARN, Outcome.FAIL, Outcome.ERROR)


@dataclass(frozen=True, slots=True)
class Workload:
    """The root owner of a resource, or the resource where it has none."""

    cluster: str
    namespace: str
    kind: str
    name: str


def violates(standings: Iterable[Standing]) -> bool:
    """Whether it is a violation, of whichever image."""
    return any(is_violation(each.outcome, each.mode) for each in standings)


def counts(standings: Iterable[Standing]) -> bool:
    """Whether it is a violation that no waiver covers."""
    return any(is_violation(each.outcome, each.mode) and not each.waiver for each in standings)


def refused(standings: Iterable[Standing]) -> bool:
    """Whether admission, which knows no waivers, would refuse it: it violates, or cannot be evaluated."""
    return any(
        each.mode is Mode.ENFORCE and (each.outcome is Outcome.ERROR or is_violation(each.outcome, each.mode))
        for each in standings
    )


def errs(standings: Iterable[Standing]) -> bool:
    """Whether something could not be evaluated."""
    return any(each.outcome is Outcome.ERROR for each in standings)


@dataclass(frozen=True, slots=True)
class Told:
    """What changes for a resource, and the verdicts that say so."""

    effect: Effect
    before: Standing | None
    after: Standing | None


_Side = Sequence[Standing]


def told(before: _Side, after: _Side) -> Told | None:
    """What changes for a resource; the worst of it. None: nothing that matters.

    Images are compared one by one: another one that violates already hides nothing.
    """
    found = [(each, *pair) for pair in _pairs(before, after) if (each := _objection(*pair))]
    if found:
        return _told(*min(found, key=lambda each: ORDER.index(each[0])))
    ended = _end(before, after)
    return _told(ended, before, after) if ended else None


def _told(changed: Effect, before: _Side, after: _Side) -> Told:
    return Told(changed, worst(before), worst(after))


def _pairs(before: _Side, after: _Side) -> list[tuple[_Side, _Side]]:
    """The same image's, or the whole where one side does not tell images apart."""
    images = sorted({each.image for each in (*before, *after)})
    if "" in images:
        return [(before, after)]
    return [(_of(before, image), _of(after, image)) for image in images]


def _of(side: _Side, image: str) -> _Side:
    return [each for each in side if each.image == image]


def _objection(before: _Side, after: _Side) -> Effect | None:
    if counts(after) and not counts(before):
        return Effect.NEWLY_VIOLATES
    if refused(after) and not refused(before):
        return Effect.NEWLY_REFUSED
    if _is_waived(after) and not _is_waived(before):
        return Effect.NEWLY_WAIVED
    return Effect.NEWLY_ERRORS if errs(after) and not errs(before) else None


def _is_waived(side: _Side) -> bool:
    return violates(side) and not counts(side)


def _end(before: _Side, after: _Side) -> Effect | None:
    if before and not after:
        return Effect.OUT_OF_SCOPE
    is_clean = not violates(after) and not errs(after)
    return Effect.FIXED if is_clean and (violates(before) or errs(before)) else None


def worst(standings: Sequence[Standing]) -> Standing | None:
    """The one to show: a violation before an error, an error before a pass; a waived one after its like."""
    return max(standings, key=_weight, default=None)


def _weight(standing: Standing) -> tuple[bool, bool, int]:
    is_one = is_violation(standing.outcome, standing.mode)
    return is_one, not standing.waiver, _WORSE.index(standing.outcome)


@dataclass(slots=True)
class Tally:
    """Takes resources in the order of their keys; the first of a workload is its example."""

    modes: dict[str, Mode]
    """Of each policy, as it would be."""
    current: dict[tuple[str, str], Mode]
    """By cluster and policy, as it is."""
    resources: int = 0
    _clusters: set[str] = field(default_factory=set)
    _counts: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """By cluster, policy, and what is counted."""
    _changes: dict[tuple[Effect, str, Workload], WorkloadChange] = field(default_factory=dict)
    _sizes: Counter[tuple[Effect, str, Workload]] = field(default_factory=Counter)

    @property
    def objections(self) -> int:
        """Resources that would newly violate, or be refused."""
        return self._total(Effect.NEWLY_VIOLATES) + self._total(Effect.NEWLY_REFUSED)

    @property
    def errors(self) -> int:
        """Resources that could not be evaluated."""
        return self._total("errors")

    def _total(self, what: str) -> int:
        return sum(count for (_, _, counted), count in self._counts.items() if counted == what)

    def looked_at(self, cluster: str) -> None:
        """One more resource, whether or not a policy applies to it."""
        self.resources += 1
        self._clusters.add(cluster)

    def add(
        self, policy: str, workload: Workload, before: Sequence[Standing], after: Sequence[Standing]
    ) -> None:
        """What one policy says, and would say, of one resource."""
        cluster = workload.cluster
        self._counts[cluster, policy, "resources"] += bool(after)
        self._counts[cluster, policy, "violations"] += violates(after)
        self._counts[cluster, policy, "errors"] += errs(after)
        changed = told(before, after)
        if changed is None:
            return
        self._counts[cluster, policy, changed.effect.value] += 1
        key = (changed.effect, policy, workload)
        self._sizes[key] += 1
        if key not in self._changes:
            self._changes[key] = _change(changed, policy, workload)

    def result(self) -> WhatIf:
        """All of it, in an order of its own."""
        return WhatIf(
            resources=self.resources,
            policies=tuple(
                self._policy(policy, cluster)
                for policy in sorted(self.modes)
                for cluster in sorted(self._clusters)
            ),
            changes=tuple(
                _sized(self._changes[key], self._sizes[key]) for key in sorted(self._changes, key=_place)
            ),
        )

    def _policy(self, policy: str, cluster: str) -> PolicyEffect:
        counts = self._counts
        return PolicyEffect(
            policy=policy,
            cluster=cluster,
            mode=self.modes[policy],
            current_mode=self.current.get((cluster, policy)),
            resources=counts[cluster, policy, "resources"],
            violations=counts[cluster, policy, "violations"],
            errors=counts[cluster, policy, "errors"],
            **{each.value: counts[cluster, policy, each.value] for each in ORDER},
        )


def _place(key: tuple[Effect, str, Workload]) -> tuple[int, str, str, str, str, str]:
    changed, policy, workload = key
    return (
        *(ORDER.index(changed), policy),
        *(workload.cluster, workload.namespace, workload.kind, workload.name),
    )


def _sized(change: WorkloadChange, resources: int) -> WorkloadChange:
    return msgspec.structs.replace(change, resources=resources)


def _change(changed: Told, policy: str, workload: Workload) -> WorkloadChange:
    before, after = changed.before, changed.after
    is_over = changed.effect in (Effect.OUT_OF_SCOPE, Effect.FIXED)
    said = before if is_over else after
    return WorkloadChange(
        effect=changed.effect,
        policy=policy,
        cluster=workload.cluster,
        namespace=workload.namespace,
        workload=Owner(kind=workload.kind, name=workload.name),
        resources=0,
        before=before.outcome if before else None,
        after=after.outcome if after else None,
        message=said.message if said else "",
        waiver=(said.waiver or None) if said else None,
    )

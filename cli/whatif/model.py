"""What would change: the items that `tocsin policies diff` prints. Keys may be added."""

from enum import StrEnum

from pipeline.events import Mode, Outcome
from sink.queries.model import Item, Owner


class Effect(StrEnum):
    """What a policy would change for a resource. In the order in which they are listed."""

    NEWLY_VIOLATES = "newly_violates"
    NEWLY_REFUSED = "newly_refused"
    """It violates or cannot be evaluated now, too, but with `enforce` it is refused, not warned of.

    Or it newly would: under a waiver, for admission knows none, or because it cannot be evaluated.
    """
    NEWLY_WAIVED = "newly_waived"
    """A waiver covers that it violates, newly or not; nothing is refused that is not now."""
    NEWLY_ERRORS = "newly_errors"
    """It could not be evaluated, and the mode is not `enforce`."""
    OUT_OF_SCOPE = "out_of_scope"
    FIXED = "fixed"


ORDER = tuple(Effect)


class WorkloadChange(Item, frozen=True):
    """What would change for a workload: a resource without an owner, or all that a root owner has."""

    effect: Effect
    policy: str
    cluster: str
    namespace: str
    workload: Owner
    resources: int
    before: Outcome | None
    """What the database says; null where the policy is new or does not apply. As the rest, of an example."""
    after: Outcome | None
    """Null where the policy would not apply."""
    message: str
    """What the policy would say; of what is out of scope or fixed, what it says now."""
    waiver: str | None
    """Name of the waiver that covers what `message` says; null where none does."""


class PolicyEffect(Item, frozen=True):
    """One policy in numbers: of resources, not of workloads."""

    policy: str
    cluster: str
    mode: Mode
    current_mode: Mode | None
    """Null where no policy of this name is loaded."""
    resources: int
    """That it would apply to."""
    violations: int
    errors: int
    newly_violates: int = 0
    newly_refused: int = 0
    newly_waived: int = 0
    newly_errors: int = 0
    out_of_scope: int = 0
    fixed: int = 0


class WhatIf(Item, frozen=True):
    """The whole answer."""

    resources: int
    """That were looked at."""
    policies: tuple[PolicyEffect, ...]
    changes: tuple[WorkloadChange, ...]

"""What a verdict does to the violation of its key. Pure.

A violation is a span of verdicts that `pipeline.events.is_violation`. An error ends
nothing: what cannot be evaluated is not known to be fixed.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from pipeline.events import Outcome, Verdict, is_violation


class Resolution(StrEnum):
    """How a violation ended. The words of `pipeline.events.Withdrawal` are among them."""

    FIXED = "fixed"
    RESOURCE_DELETED = "resource_deleted"
    POLICY_DELETED = "policy_deleted"
    POLICY_CHANGED = "policy_changed"
    OUT_OF_SCOPE = "out_of_scope"
    WAIVED = "waived"


@dataclass(frozen=True, slots=True)
class Opens:
    """A violation begins."""


@dataclass(frozen=True, slots=True)
class Continues:
    """The violation is still there."""


@dataclass(frozen=True, slots=True)
class Resolves:
    """The violation ends."""

    resolution: Resolution


Step = Opens | Continues | Resolves | None


def step(verdict: Verdict, *, is_open: bool, policy_digest: str) -> Step:
    """What to do with the span of a key.

    `policy_digest`: of the policy that last saw the violation; one that a changed
    policy no longer sees was not fixed by anybody.
    """
    if is_violation(verdict.outcome, verdict.policy.mode):
        return Continues() if is_open else Opens()
    if not is_open:
        return None
    match verdict.outcome:
        case Outcome.PASS | Outcome.WARN | Outcome.FAIL:
            changed = verdict.policy.digest != policy_digest
            return Resolves(Resolution.POLICY_CHANGED if changed else Resolution.FIXED)
        case Outcome.WITHDRAWN:
            return Resolves(Resolution(verdict.reason) if verdict.reason else Resolution.OUT_OF_SCOPE)
        case Outcome.ERROR:
            return None
        case _:
            assert_never(verdict.outcome)

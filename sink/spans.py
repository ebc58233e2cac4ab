"""What a verdict does to the violation of its key. Pure.

A violation is a span of verdicts that `pipeline.events.is_violation`. An error ends
nothing: what cannot be evaluated is not known to be fixed. While a waiver covers it, the span
is over (`waived`), and remembered, so that its end is known: then a new one opens, or none. An
error does not end that either; but a waiver may end while it lasts, and then the violation is back.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from pipeline.events import Change, Outcome, Verdict, is_violation


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


class Before(StrEnum):
    """What a key has before a verdict."""

    NOTHING = "nothing"
    OPEN = "open"
    WAIVED = "waived"


@dataclass(frozen=True, slots=True)
class Waives:
    """A waiver covers the violation, from now on or still."""


@dataclass(frozen=True, slots=True)
class Unwaives:
    """The waiver covers nothing any more. `resolution` None: the violation is there still, and opens."""

    resolution: Resolution | None


Step = Opens | Continues | Resolves | Waives | Unwaives | None


def step(verdict: Verdict, before: Before, policy_digest: str) -> Step:
    """What to do with the span of a key.

    `policy_digest`: of the policy that last saw the violation; one that a changed
    policy no longer sees was not fixed by anybody.
    """
    violated = is_violation(verdict.outcome, verdict.policy.mode)
    if violated and verdict.waiver is not None:
        return Waives()
    match before:
        case Before.NOTHING:
            return Opens() if violated else None
        case Before.OPEN | Before.WAIVED if verdict.waived_before is not None:
            return Waives()
        case Before.WAIVED if violated or has_returned(verdict):
            return Unwaives(None)
        case Before.WAIVED:
            end = _end(verdict, policy_digest)
            return Unwaives(end.resolution) if end else None
        case Before.OPEN:
            return Continues() if violated else _end(verdict, policy_digest)
        case _:
            assert_never(before)


def has_returned(verdict: Verdict) -> bool:
    """Whether it is an error that says that a waiver ended; what it covered is not known to be fixed."""
    return verdict.outcome is Outcome.ERROR and verdict.change is Change.RETURNED


def _end(verdict: Verdict, policy_digest: str) -> Resolves | None:
    match verdict.outcome:
        case Outcome.PASS | Outcome.WARN | Outcome.FAIL:
            changed = verdict.policy.digest != policy_digest
            return Resolves(Resolution.POLICY_CHANGED if changed else Resolution.FIXED)
        case Outcome.WITHDRAWN if verdict.image_removed:
            return Resolves(Resolution.FIXED)
        case Outcome.WITHDRAWN:
            return Resolves(Resolution(verdict.reason) if verdict.reason else Resolution.OUT_OF_SCOPE)
        case Outcome.ERROR:
            return None
        case _:
            assert_never(verdict.outcome)

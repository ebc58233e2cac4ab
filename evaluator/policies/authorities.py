"""Whether a policy's authorities let an image through, as far as that can be known.

Source: policy-controller, `pkg/webhook/validator.go`, `ValidatePolicy`: one
authority that passes is enough; if none does, the policy fails with their errors
and its text is not evaluated. Signatures are not verified here: where the answer
or the input document would need them, it is unknown, never a guess.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evaluator.policies.model import Action, Policy, Static

_STATIC_MATCH: Mapping[str, Any] = {"static": True}
_DISALLOWED = "disallowed by static policy"


@dataclass(frozen=True, slots=True)
class Passed:
    """At least one authority passes. `authority_matches` goes into the input document."""

    authority_matches: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Failed:
    """No authority passes; `message` has every authority's reason."""

    message: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """It depends on what Tocsin does not verify yet: the outcome is an error with this reason."""

    reason: str


def admit(policy: Policy) -> Passed | Failed | Unknown:
    """What the authorities say. It does not depend on the image as long as they are static."""
    static = [authority for authority in policy.authorities if isinstance(authority, Static)]
    others = [authority for authority in policy.authorities if not isinstance(authority, Static)]
    passing = {authority.name: _STATIC_MATCH for authority in static if authority.action is Action.PASS}
    if passing and (policy.rego is None or not others):
        return Passed(passing)
    if others:
        paths = ", ".join(authority.path for authority in others)
        return Unknown(f"{paths}: Tocsin does not verify signatures yet, and the outcome depends on them")
    return Failed("; ".join(dict.fromkeys(map(_reason, static))))


def _reason(authority: Static) -> str:
    return f"{_DISALLOWED}: {authority.message}" if authority.message else _DISALLOWED

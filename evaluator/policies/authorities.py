"""Whether a policy's authorities let an image through, as far as that can be known.

Source: policy-controller, `pkg/webhook/validator.go`, `ValidatePolicy`: one
authority that passes is enough; if none does, the policy fails with their errors
and its text is not evaluated. What signatures and attestations say is asked elsewhere, and only where
the answer or the input document needs it; where that cannot be known, the answer is
unknown, never a guess.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evaluator.policies.model import Policy
from evaluator.policies.model_authorities import Action, Authority, Signer, Static
from evaluator.policies.signatures import Attested, Signed, Unsigned, Unverified, Verification

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
    """It depends on what cannot be known: the outcome is an error with this reason.

    `retry_after`: seconds until it makes sense to ask again; None where asking does not help.
    """

    reason: str
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Depends:
    """It depends on what these authorities have signed of each image."""

    signers: tuple[Signer, ...]


def admit(policy: Policy) -> Passed | Failed | Unknown | Depends:
    """What the authorities say of whatever image, where no signature is needed to know it."""
    others = [authority for authority in policy.authorities if not isinstance(authority, Static)]
    signers = tuple(each for each in others if not each.unsupported)
    passing = _static_matches(policy)
    if passing and policy.rego is None:
        return Passed(passing)
    if not signers:
        return settle(policy, {})
    unsupported = tuple(each.unsupported for each in others if each.unsupported)
    if unsupported and policy.rego is not None:  # the document would lack what they say
        return _unknown(unsupported)
    return Depends(signers)


def settle(policy: Policy, verified: Mapping[Signer, Verification]) -> Passed | Failed | Unknown:
    """What the authorities say of one image. `verified`: by every authority that `admit` asked for."""
    matches = dict(_static_matches(policy))
    reasons: list[str] = []
    unknown: list[Unknown] = []
    for authority in policy.authorities:
        match _answer(authority, verified):
            case Signed(signatures):
                matches[authority.name] = {"signatures": [each.match() for each in signatures]}
            case Attested(attestations):
                matches[authority.name] = {
                    "attestations": {name: [each.match() for each in found] for name, found in attestations}
                }
            case Unsigned(reason):
                reasons.append(reason)
            case Unknown() as answer:
                unknown.append(answer)
    if matches and (policy.rego is None or not unknown):
        return Passed(matches)
    if unknown:
        waits = [each.retry_after for each in unknown if each.retry_after is not None]
        return _unknown([each.reason for each in unknown], max(waits, default=None))
    return Failed("; ".join(dict.fromkeys(reasons)))


def _answer(
    authority: Authority, verified: Mapping[Signer, Verification]
) -> Signed | Attested | Unsigned | Unknown | None:
    """What one authority says; None for a static one that passes."""
    if isinstance(authority, Static):
        return None if authority.action is Action.PASS else Unsigned(_reason(authority))
    if authority.unsupported:
        return Unknown(authority.unsupported)
    match verified[authority]:
        case Signed() | Attested() as answer:
            return answer
        case Unsigned(reason):
            return Unsigned(f"{authority.name}: {reason}")
        case Unverified(reason, retry_after):
            return Unknown(f"{authority.name}: {reason}", retry_after)


def _static_matches(policy: Policy) -> Mapping[str, Any]:
    static = (authority for authority in policy.authorities if isinstance(authority, Static))
    return {each.name: _STATIC_MATCH for each in static if each.action is Action.PASS}


def _unknown(reasons: Sequence[str], retry_after: float | None = None) -> Unknown:
    return Unknown(f"the outcome depends on what is not verified: {'; '.join(reasons)}", retry_after)


def _reason(authority: Static) -> str:
    return f"{_DISALLOWED}: {authority.message}" if authority.message else _DISALLOWED

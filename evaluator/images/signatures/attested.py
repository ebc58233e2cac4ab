"""Whether an image has the attestations that an authority wants, each as the policy on it wants it.

Source: policy-controller, `ValidatePolicyAttestationsForAuthority`: what verifies is looked
through for each attestation wanted, by its predicate type, and one that the policy on it passes
is enough (a warning is no pass). Where the tag does not have all that is wanted, what refers is
looked at, too.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from evaluator.images.port import JudgesStatements
from evaluator.images.signatures.candidates import Candidate
from evaluator.images.signatures.trust import Refused, Trust, Undecided
from evaluator.policies.model_authorities import Signer, WantedAttestation
from evaluator.policies.predicate_types import predicate_uri
from evaluator.policies.signatures import (
    Attestation,
    Attested,
    Signature,
    Unsigned,
    Unverified,
    Verification,
)
from pipeline.errors import clip
from pipeline.events import Outcome

_SAID = 200
"""Characters of a text that somebody else wrote."""


@dataclass(slots=True)
class Verified:
    """The attestations of an image that verify, and why others do not."""

    image: str
    found: dict[Signature, Candidate] = field(default_factory=dict)
    reasons: dict[str, int] = field(default_factory=dict)
    undecided: Unverified | None = None
    """Where there is one of which it cannot be known whether it verifies."""

    async def add(self, candidates: AsyncIterator[Candidate], trust: Trust) -> None:
        """Verify some more."""
        async for candidate in candidates:
            answer = await _verify(trust, candidate)
            if isinstance(answer, Undecided):
                self.undecided = Unverified(f"an attestation of {self.image}: {clip(answer.reason, _SAID)}")
            elif isinstance(answer, Signature):
                self.found[answer] = candidate
            else:
                self.reasons[answer.reason] = self.reasons.get(answer.reason, 0) + 1


async def _verify(trust: Trust, candidate: Candidate) -> Signature | Refused | Undecided:
    """In a thread: certificates and logs take milliseconds each."""
    return await asyncio.to_thread(trust.verify, candidate) if candidate.is_about_it else _ANOTHER_IMAGE


_ANOTHER_IMAGE = Refused("not of this image")


def wanted_types(signer: Signer) -> frozenset[str]:
    """Predicate types that are enough to look at."""
    return frozenset(predicate_uri(each.predicate_type) for each in signer.attestations)


async def judge_attestations(signer: Signer, verified: Verified, judge: JudgesStatements) -> Verification:
    """What has been found, against what is wanted."""
    if not verified.found:
        return Unsigned(_nothing(verified))
    matches: list[tuple[str, tuple[Attestation, ...]]] = []
    for wanted in signer.attestations:
        answer = await _judge_wanted(wanted, verified, judge)
        if not isinstance(answer, tuple):
            return answer
        matches.append((wanted.name, answer))
    return Attested(tuple(matches))


async def _judge_wanted(
    wanted: WantedAttestation, verified: Verified, judge: JudgesStatements
) -> tuple[Attestation, ...] | Unsigned | Unverified:
    uri = predicate_uri(wanted.predicate_type)
    passing: list[Attestation] = []
    refusals: list[str] = []
    for signature, candidate in sorted(verified.found.items(), key=lambda item: item[0].order()):
        if candidate.predicate_type != uri:
            continue
        if wanted.rego is not None:
            judgement = await judge.judge(wanted.rego, candidate.statement)
            said = clip(judgement.message or judgement.warning, _SAID)
            if judgement.outcome is Outcome.ERROR:
                return Unverified(f"attestation {wanted.name}: {said}")
            if judgement.outcome is not Outcome.PASS:
                refusals.append(said)
                continue
        passing.append(Attestation(signature, wanted.predicate_type))
    if passing:
        return tuple(passing)
    if refusals:
        return Unsigned(f"attestation {wanted.name}: {refusals[0]}")
    there = sorted({clip(each.predicate_type, _SAID) for each in verified.found.values()})
    beside = f"; there is {', '.join(there)}" if there else ""
    return Unsigned(f"attestation {wanted.name}: none of {verified.image} is of type {uri}{beside}")


def _nothing(verified: Verified) -> str:
    if not verified.reasons:
        return f"no attestation of {verified.image}"
    said = ", ".join(f"{reason} ({times})" for reason, times in verified.reasons.items())
    return f"no attestation of {verified.image} verifies: {said}"

"""What an authority accepts, as a port: one module for each kind (`by_key`), chosen in `trusting`."""

from dataclasses import dataclass
from typing import Protocol

from evaluator.images.signatures.candidates import Candidate
from evaluator.policies.signatures import Signature
from pipeline.errors import EvaluationError


class NoTrustError(EvaluationError):
    """What an authority trusts cannot be had or used; the message says why."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A candidate does not verify. `reason`: a few words, the same for all of its kind."""

    reason: str


@dataclass(frozen=True, slots=True)
class Undecided:
    """Whether a candidate verifies cannot be known here; `reason` as above."""

    reason: str


class Trust(Protocol):
    """One thing an authority trusts: a public key, or certificates of a CA for certain identities."""

    def verify(self, candidate: Candidate) -> Signature | Refused | Undecided:
        """Whether a candidate's message was signed by what is trusted; it calculates only.

        That the message is about the image is checked elsewhere.
        """
        ...

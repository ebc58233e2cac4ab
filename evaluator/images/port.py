"""What the evaluator needs to know of images, as a port."""

from typing import Protocol

from evaluator.policies.configs import Found, Unavailable, Wanted
from evaluator.policies.judge import Judgement
from evaluator.policies.model_authorities import Signer
from evaluator.policies.model_text import Rego
from evaluator.policies.signatures import Unverified, Verification
from pipeline.events import ResourceApplied


class JudgesStatements(Protocol):
    """What evaluates the policies on attestations."""

    async def judge(self, rego: Rego, statement: bytes) -> Judgement:
        """What a policy says of an in-toto statement (JSON). A failure is an `error`."""
        ...


class KnowsImages(Protocol):
    """What knows the configs and the signatures of images; asks a registry where it has to."""

    async def find(self, wanted: Wanted, applied: ResourceApplied) -> Found:
        """The configs of an image of a resource, or why there are none; in bounded time."""
        ...

    async def verify(
        self, wanted: Wanted, authority: Signer, applied: ResourceApplied, judge: JudgesStatements
    ) -> Verification:
        """Whether an image of a resource is signed as an authority wants it; in bounded time.

        `judge` is asked what the policies on attestations say.
        """
        ...


class NoImages:
    """Where nothing may be asked about images."""

    def __init__(self, reason: str = "nothing is asked about images here") -> None:
        self._reason = reason

    async def find(self, wanted: Wanted, applied: ResourceApplied) -> Found:  # noqa: ARG002 - see KnowsImages
        """Nothing."""
        return Unavailable(self._reason)

    async def verify(
        self,
        wanted: Wanted,  # noqa: ARG002 - see KnowsImages
        authority: Signer,  # noqa: ARG002
        applied: ResourceApplied,  # noqa: ARG002
        judge: JudgesStatements,  # noqa: ARG002
    ) -> Verification:
        """Nothing."""
        return Unverified(self._reason)

"""Why a verdict is over that its policy does not give any more. Pure.

Of a resource, that is the policy's doing or the resource's: what tells them apart is whether
the policy is still the one that gave the verdict, whoever saw the change. Of an image, it may
be that the resource has it no more: then what was wrong with it was mended.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from evaluator.evaluation import Finding
from evaluator.last_verdicts import LastVerdict
from evaluator.loading import LoadedPolicy
from evaluator.policies.globs import matches_any
from pipeline.events import Image, Withdrawal


@dataclass(frozen=True, slots=True)
class Ending:
    """What a withdrawal says. `image_removed`: see `pipeline.events.Verdict`."""

    reason: Withdrawal
    image_removed: bool = False


def ending(last: LastVerdict, policy: LoadedPolicy | None, findings: Sequence[Finding]) -> Ending:
    """Of a verdict that is not among the findings of its resource.

    `policy`: the verdict's, as it is now; None where there is none of that name.
    """
    if policy is None:
        return Ending(Withdrawal.OUT_OF_SCOPE)
    if last.image is not None and matches_any(policy.policy.globs, last.image.name, last.image.digest):
        images = [each.image for each in findings if each.policy.name == last.policy.name]
        judged = [image for image in images if image is not None]
        if judged and not any(_is_same(last.image, image) for image in judged):
            return Ending(Withdrawal.OUT_OF_SCOPE, image_removed=True)
    changed = policy.policy.ref.digest != last.policy.digest
    return Ending(Withdrawal.POLICY_CHANGED if changed else Withdrawal.OUT_OF_SCOPE)


def _is_same(one: Image, other: Image) -> bool:
    """Whether they may be the same bytes: a digest that is not known says nothing against it."""
    known = one.digest and other.digest
    return one.name == other.name and (one.digest == other.digest or not known)

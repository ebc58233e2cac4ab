"""Whether a policy applies to a workload, and to which of its images.

Source: policy-controller, `pkg/apis/config/image_policies.go`, `GetMatchingPolicies`:
with `match`, one item must fit in resource, version, group and selector; an item
that leaves resource or version out fits nothing. Ours besides: `*` for any group.
"""

from collections.abc import Iterable

from evaluator.policies.globs import matches_any
from evaluator.policies.model import MatchRule, Policy
from evaluator.policies.resources import Workload
from pipeline.events import Image

_ANY = "*"


def matching_images(policy: Policy, workload: Workload) -> tuple[Image, ...] | None:
    """The images the policy applies to; None when it does not apply to this workload.

    A workload that is being deleted is not evaluated.
    """
    if workload.deleting:
        return None
    if policy.match and not any(fits(rule, workload) for rule in policy.match):
        return None
    globs = policy.globs
    return tuple(image for image in workload.images if matches_any(globs, image.name, image.digest)) or None


def unmatched_images(workload: Workload, matched: Iterable[Image]) -> tuple[Image, ...]:
    """The images that none of the matching policies matched; none of a workload being deleted."""
    if workload.deleting:
        return ()
    covered = set(matched)
    return tuple(image for image in workload.images if image not in covered)


def fits(rule: MatchRule, workload: Workload) -> bool:
    """Whether an item of `spec.match` fits a workload."""
    return (
        rule.resource == workload.resource
        and rule.version in (workload.version, _ANY)
        and rule.group in (workload.group, _ANY)
        and (rule.selector is None or rule.selector.selects(workload.labels))
    )

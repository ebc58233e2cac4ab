"""A ClusterImagePolicy, parsed and valid: what it selects, whom it trusts, what it asks.

Source: sigstore policy-controller, `pkg/apis/policy/v1beta1/clusterimagepolicy_types.go`.
"""

from dataclasses import dataclass

from evaluator.policies.model_authorities import Authority
from evaluator.policies.model_text import Rego
from evaluator.policies.reading import Problem
from evaluator.policies.selectors import Selector
from pipeline.events import PolicyRef


@dataclass(frozen=True, slots=True)
class MatchRule:
    """Which resources: `*` stands for any version or group; an empty group is the core group."""

    group: str
    version: str
    resource: str
    selector: Selector | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """One version of a valid ClusterImagePolicy."""

    ref: PolicyRef
    globs: tuple[str, ...]
    """`spec.images[].glob`: one match is enough."""
    match: tuple[MatchRule, ...]
    """One match is enough; none at all means every workload."""
    authorities: tuple[Authority, ...]
    rego: Rego | None = None
    unsupported: str = ""
    """One line that names each field used that Tocsin does not evaluate yet; empty when there is none."""
    unknown_fields: tuple[str, ...] = ()
    """Paths of fields no ClusterImagePolicy has; they are ignored."""
    warnings: tuple[Problem, ...] = ()
    """Valid, but hardly meant."""

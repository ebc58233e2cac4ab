"""Policies for the linter's tests, and what it says of them."""

import textwrap
from typing import Any

from evaluator.lint.finding import Finding
from evaluator.lint.linting import lint
from evaluator.rego.choice import Choice
from tests.unit.evaluator.policy_objects import applied_policy, policy_object

ALL = {"includeSpec": True, "includeObjectMeta": True, "includeTypeMeta": True, "fetchConfigFile": True}
PODS = [{"group": "", "version": "v1", "resource": "pods"}]


def text_of(rego: str) -> str:
    """A policy's text around some rules."""
    return "package sigstore\n" + textwrap.dedent(rego)


def findings_of(
    rego: str, *, choice: Choice | None = None, whole: str = "", **spec: Any
) -> tuple[Finding, ...]:
    """Findings of these rules, or of this `whole` text; about Pods, unless `match` says more."""
    policy = {"type": "rego", "data": whole or text_of(rego), **spec.pop("flags", ALL)}
    body = policy_object(**{"mode": "warn", "match": PODS, "policy": policy, **spec})
    return lint(applied_policy(body), choice or Choice())


def slugs_of(rego: str, **spec: Any) -> list[str]:
    """Names of what is found in the text, in order."""
    return [each.check.slug for each in findings_of(rego, **spec) if each.line]


def the(slug: str, rego: str, **spec: Any) -> Finding:
    """The one finding of that name."""
    (found,) = [each for each in findings_of(rego, **spec) if each.check.slug == slug]
    return found

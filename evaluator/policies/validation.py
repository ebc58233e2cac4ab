"""A ClusterImagePolicy from its object: parsed and validated in full, or every problem it has.

Source: policy-controller, `pkg/apis/policy/v1beta1/clusterimagepolicy_validation.go`
and `_defaults.go` (v1alpha1 is the same for our purpose), in their default
configuration. Stricter than upstream in the selector of a match, which upstream
finds wrong only at admission. Unknown fields are not problems: the API server
drops them.
"""

from typing import Any, TypeGuard

from evaluator.policies.describe import describe
from evaluator.policies.globs import is_legal
from evaluator.policies.model import MatchRule, Policy
from evaluator.policies.model_authorities import Authority, Static
from evaluator.policies.model_text import Rego
from evaluator.policies.reading import Findings, InvalidPolicyError, Section
from evaluator.policies.resources import RESOURCES
from evaluator.policies.selectors import parse_selector
from evaluator.policies.validation_authorities import parse_authorities
from evaluator.policies.validation_text import parse_text
from pipeline.events import Mode, PolicyApplied, PolicyRef

KIND = "ClusterImagePolicy"
API_VERSIONS = ("policy.sigstore.dev/v1beta1", "policy.sigstore.dev/v1alpha1")
TITLE_ANNOTATIONS = ("tocsin.dev/title", "catalog.chainguard.dev/title")
_LARGEST_GENERATION = 2**63 - 1


def parse(applied: PolicyApplied) -> Policy:
    """The policy. Raises InvalidPolicyError with all problems, and nothing else."""
    findings = Findings()
    root = Section("", applied.object, findings)
    _check_header(root)
    spec = root.section("spec")
    if spec is None:
        root.problem("spec", "expected an object, got nothing")
        raise InvalidPolicyError(tuple(findings.problems))
    globs = _parse_images(spec)
    match = tuple(_parse_rule(section) for section in spec.sections("match"))
    texts = {text.path: text for text in applied.texts}
    authorities = parse_authorities(spec, texts)
    _check_mode(spec)
    policy = spec.section("policy")
    rego = parse_text(policy, texts, in_spec=True) if policy is not None else None
    if findings.problems:
        raise InvalidPolicyError(tuple(findings.problems))
    return Policy(
        ref=policy_ref(applied),
        globs=globs,
        match=match,
        authorities=authorities,
        rego=rego,
        unsupported=_unsupported(authorities, rego),
        unknown_fields=findings.unknown_fields(),
        warnings=tuple(findings.warnings),
    )


def policy_ref(applied: PolicyApplied) -> PolicyRef:
    """How verdicts and reports name this policy; also where the policy is not valid."""
    spec = _mapping(applied.object.get("spec"))
    metadata = _mapping(applied.object.get("metadata"))
    annotations = _mapping(metadata.get("annotations"))
    titles = (annotations.get(name) for name in TITLE_ANNOTATIONS)
    uid, generation = metadata.get("uid"), metadata.get("generation")
    return PolicyRef(
        name=applied.name,
        digest=applied.digest,
        mode=Mode.WARN if spec.get("mode") == Mode.WARN.value else Mode.ENFORCE,
        uid=uid if isinstance(uid, str) else "",
        generation=generation if _is_generation(generation) else 0,
        title=next((title for title in titles if title and isinstance(title, str)), ""),
    )


def _is_generation(value: Any) -> TypeGuard[int]:
    return type(value) is int and 0 <= value <= _LARGEST_GENERATION


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _check_header(root: Section) -> None:
    api_version, kind = root.text("apiVersion"), root.text("kind")
    if api_version not in API_VERSIONS:
        root.problem("apiVersion", f"expected {' or '.join(API_VERSIONS)}, got {describe(api_version)}")
    if kind != KIND:
        root.problem("kind", f"expected {KIND}, got {describe(kind)}")
    root.value("metadata")
    root.value("status")


def _parse_images(spec: Section) -> tuple[str, ...]:
    sections = spec.sections("images")
    if not spec.has_content("images"):
        spec.problem("images", "expected at least one glob, got none")
    globs = []
    for section in sections:
        glob = section.text("glob")
        globs.append(glob)
        if not glob:
            section.problem("glob", "expected a glob, got nothing")
        elif not is_legal(glob):
            section.problem(
                "glob", f"expected letters, digits and the characters - _ : / * . @, got {describe(glob)}"
            )
    return tuple(globs)


def _parse_rule(section: Section) -> MatchRule:
    group, version, resource = (section.text(name) for name in ("group", "version", "resource"))
    if resource and resource not in RESOURCES:
        section.problem(
            "resource", f"expected one of {', '.join(sorted(RESOURCES))}, got {describe(resource)}"
        )
    selector = section.section("selector")
    if selector is not None and not (group or version or resource):
        section.problem("selector", "expected resource, version or group beside it, got none of them")
    if not (version and resource):
        section.warning(
            "", "an item without resource and version matches nothing; add both (version may be *)"
        )
    return MatchRule(group, version, resource, parse_selector(selector) if selector is not None else None)


def _check_mode(spec: Section) -> None:
    mode = spec.text("mode")
    if mode and mode not in set(Mode):
        spec.problem("mode", f"expected {' or '.join(Mode)}, got {describe(mode)}")


def _unsupported(authorities: tuple[Authority, ...], rego: Rego | None) -> str:
    fields = [each.unsupported for each in authorities if not isinstance(each, Static) and each.unsupported]
    if rego is not None and rego.unsupported:
        fields.append(rego.unsupported)
    return "; ".join(fields)

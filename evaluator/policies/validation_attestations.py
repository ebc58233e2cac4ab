"""`attestations` of an authority: reading and validating them.

Source: policy-controller, `Attestation.Validate`.
"""

from collections.abc import Mapping

from evaluator.policies.describe import describe
from evaluator.policies.reading import Section
from evaluator.policies.validation_text import parse_text
from pipeline.events import PolicyText

_PREDICATE_TYPES = ("custom", "slsaprovenance", "spdx", "spdxjson", "cyclonedx", "link", "vuln")


def parse_attestations(section: Section, texts: Mapping[str, PolicyText]) -> str:
    """Read them. Returns why they are not verified here, in one line; empty where there are none.

    `texts`: what is found elsewhere, by the path of the field that leads there.
    """
    sections = section.sections("attestations")
    for attestation in sections:
        if not attestation.text("name"):
            attestation.problem("name", "expected a name, got nothing")
        predicate_type = attestation.text("predicateType")
        if not predicate_type:
            attestation.problem("predicateType", "expected a URI, got nothing")
        elif predicate_type in _PREDICATE_TYPES or ":" not in predicate_type:
            attestation.warning(
                "predicateType", f"expected a URI, got the old form {describe(predicate_type)}"
            )
        policy = attestation.section("policy")
        if policy is not None:
            parse_text(policy, texts, in_spec=False)
    return f"{section.path('attestations')}: Tocsin does not verify attestations yet" if sections else ""

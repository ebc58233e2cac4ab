"""`attestations` of an authority: reading and validating them.

Source: policy-controller, `Attestation.Validate`.
"""

from collections.abc import Mapping

from evaluator.policies.describe import describe
from evaluator.policies.model_authorities import WantedAttestation
from evaluator.policies.predicate_types import SHORT_NAMES
from evaluator.policies.reading import Section
from evaluator.policies.validation_text import parse_text
from pipeline.events import PolicyText


def parse_attestations(
    section: Section, texts: Mapping[str, PolicyText]
) -> tuple[tuple[WantedAttestation, ...], str]:
    """Read them, and why they cannot be judged here (one line; empty where they can).

    `texts`: what is found elsewhere, by the path of the field that leads there.
    """
    found: list[WantedAttestation] = []
    unsupported = ""
    for attestation in section.sections("attestations"):
        name, predicate_type = attestation.text("name"), attestation.text("predicateType")
        if not name:
            attestation.problem("name", "expected a name, got nothing")
        if not predicate_type:
            attestation.problem("predicateType", "expected a URI, got nothing")
        elif predicate_type in SHORT_NAMES:
            attestation.warning(
                "predicateType",
                f"{describe(predicate_type)} is a short name of cosign's; it stands for the URI "
                f"{SHORT_NAMES[predicate_type]}",
            )
        elif ":" not in predicate_type:
            attestation.warning("predicateType", f"expected a URI, got {describe(predicate_type)}")
        policy = attestation.section("policy")
        rego = parse_text(policy, texts, in_spec=False) if policy is not None else None
        if rego is not None:
            unsupported = unsupported or rego.unsupported
        found.append(WantedAttestation(name, attestation.path(""), predicate_type, rego))
    return tuple(found), unsupported

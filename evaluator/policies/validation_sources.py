"""`source` of an authority: where signatures are. Reading and validating it.

Source: policy-controller, `Source.Validate`.
"""

from evaluator.policies.model_authorities import Source
from evaluator.policies.reading import Section
from evaluator.policies.references import InvalidReferenceError, check_repository


def parse_source(section: Section) -> tuple[Source, str]:
    """Read the one there may be, and why it cannot be used here (one line; empty where it can)."""
    sources = section.sections("source")
    if len(sources) > 1:
        section.problem("source", f"expected a single source, got {len(sources)}")
    found, unsupported = Source(), ""
    for source in sources:
        found = Source(source.text("oci"), source.text("tagPrefix"))
        secrets = source.sections("signaturePullSecrets")
        for secret in secrets:
            if not secret.text("name"):
                secret.problem("name", "expected the name of a Secret, got nothing")
        if secrets:
            unsupported = f"{section.path('source')}: Tocsin does not read signaturePullSecrets yet"
        if not found.oci or len(sources) > 1:  # several are one problem; no need to complain of each
            continue
        try:
            check_repository(found.oci)
        except InvalidReferenceError as error:
            source.problem("oci", f"expected a registry or a repository, got {error}")
    return found, unsupported

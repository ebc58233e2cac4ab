"""`source` of an authority: where signatures are. Reading and validating it.

Source: policy-controller, `Source.Validate`.
"""

from evaluator.policies.model_authorities import Source
from evaluator.policies.reading import Section
from evaluator.policies.references import InvalidReferenceError, check_repository


def parse_source(section: Section) -> Source:
    """Read the one there may be. What is wrong becomes problems."""
    sources = section.sections("source")
    if len(sources) > 1:
        section.problem("source", f"expected a single source, got {len(sources)}")
    found = Source()
    for source in sources:
        names = tuple(map(_name, source.sections("signaturePullSecrets")))
        found = Source(source.text("oci"), source.text("tagPrefix"), names)
        if not found.oci or len(sources) > 1:  # several are one problem; no need to complain of each
            continue
        try:
            check_repository(found.oci)
        except InvalidReferenceError as error:
            source.problem("oci", f"expected a registry or a repository, got {error}")
    return found


def _name(secret: Section) -> str:
    name = secret.text("name")
    if not name:
        secret.problem("name", "expected the name of a Secret, got nothing")
    return name

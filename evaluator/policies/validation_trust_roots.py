"""`trustRootRef`, wherever an authority has one: reading which TrustRoot it is, and what that holds."""

from collections.abc import Mapping

from evaluator.policies.model_authorities import TrustRootRef
from evaluator.policies.reading import Section
from pipeline.events import PolicyText

_FIELD = "trustRootRef"
_NOT_SENT = PolicyText(path="", problem="it was not looked up: the policy came without it")


def parse_trust_root(section: Section, texts: Mapping[str, PolicyText]) -> TrustRootRef | None:
    """None where none is named. `texts`: as everywhere, by the path of the field that leads there."""
    name = section.text(_FIELD)
    if not name:
        return None
    found = texts.get(section.path(_FIELD), _NOT_SENT)
    return TrustRootRef(name, found.text, found.problem)

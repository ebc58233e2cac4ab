"""`ctlog` and `rfc3161timestamp` of an authority: reading and validating them."""

from collections.abc import Mapping

from evaluator.policies.model_authorities import TransparencyLog, TrustRootRef
from evaluator.policies.reading import Section
from evaluator.policies.validation_keyless import check_url
from evaluator.policies.validation_trust_roots import parse_trust_root
from pipeline.events import PolicyText


def parse_logs(
    section: Section, texts: Mapping[str, PolicyText]
) -> tuple[TransparencyLog | None, TrustRootRef | None]:
    """The log that has to have seen signatures, and whose timestamps count; None where it is nobody's."""
    log = timestamps = None
    ctlog, rfc3161timestamp = section.section("ctlog"), section.section("rfc3161timestamp")
    if ctlog is not None:
        check_url(ctlog, "url")
        log = TransparencyLog(ctlog.text("url"), parse_trust_root(ctlog, texts))
    if rfc3161timestamp is not None:
        timestamps = parse_trust_root(rfc3161timestamp, texts)
    return log, timestamps

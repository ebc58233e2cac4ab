"""`keyless` of an authority: reading and validating who may have signed.

Source: policy-controller, `KeylessRef.Validate`, `Identity.Validate`.
"""

import re
import warnings
from urllib.parse import urlsplit

from evaluator.policies.describe import describe
from evaluator.policies.model_authorities import Identity, KeyRef
from evaluator.policies.reading import Section
from evaluator.policies.validation_keys import listed, parse_key
from pipeline.errors import clip

_PUBLIC_FULCIO = "https://fulcio.sigstore.dev"
# Reasons of Python's parser that hold in Go's syntax (RE2) too. Where the two may differ, a
# pattern is let through: a policy must not be refused for what Go accepts.
_WRONG_EVERYWHERE = (
    "missing ), unterminated subpattern",
    "unbalanced parenthesis",
    "unterminated character set",
    "bad character range",
    "bad escape (end of pattern)",
)


def parse_keyless(body: Section) -> tuple[str, KeyRef | None, tuple[Identity, ...]]:
    """Read the URL of the CA or its certificate, and the identities. What is wrong becomes problems."""
    url, ca_cert = body.text("url"), body.section("ca-cert")
    if url and ca_cert:
        body.problem("", "expected exactly one of url, ca-cert, got url and ca-cert")
    check_url(body, "url")
    identities = body.sections("identities")
    if not body.has_content("identities"):
        body.problem("identities", "expected at least one identity, got none")
    key = parse_key(ca_cert) if ca_cert else None
    return url or ("" if ca_cert else _PUBLIC_FULCIO), key, tuple(map(_parse_identity, identities))


def check_url(section: Section, name: str) -> None:
    """Say where a text is no URL."""
    url = section.text(name)
    try:
        urlsplit(url)
    except ValueError:
        section.problem(name, f"expected a URL, got {describe(url)}")


def _parse_identity(section: Section) -> Identity:
    """Read an identity: an issuer and a subject, each as text or as a regular expression, not both."""
    for plain, pattern in (("issuer", "issuerRegExp"), ("subject", "subjectRegExp")):
        given = [name for name in (plain, pattern) if section.text(name)]
        if len(given) != 1:
            section.problem("", f"expected exactly one of {plain}, {pattern}, got {listed(given)}")
        reason = _wrong_pattern(section.text(pattern))
        if reason:
            section.problem(pattern, f"expected a regular expression (RE2), got one that is wrong: {reason}")
    return Identity(
        issuer=section.text("issuer"),
        issuer_regexp=section.text("issuerRegExp"),
        subject=section.text("subject"),
        subject_regexp=section.text("subjectRegExp"),
    )


def _wrong_pattern(pattern: str) -> str:
    if pattern.startswith(("*", "+", "?")):
        return f"nothing to repeat before {pattern[0]}"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            re.compile(pattern)
    except re.error as error:
        return clip(error.msg) if error.msg.startswith(_WRONG_EVERYWHERE) else ""
    except (RecursionError, OverflowError):
        return "nested too deep or too large"
    return ""

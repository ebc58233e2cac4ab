"""Public keys and identities of authorities: reading and validating them.

Source: policy-controller, `KeyRef.Validate`, `Identity.Validate` and
`pkg/apis/policy/common`, `ValidateKMS`. Not checked here: that a Secret is in the
controller's own namespace, which depends on where the controller runs.
"""

import base64
import binascii
import re
import warnings

from evaluator.policies.describe import describe
from evaluator.policies.model import Identity, KeyRef
from evaluator.policies.reading import Section
from pipeline.errors import clip

_HASHES = ("sha224", "sha256", "sha384", "sha512")
_KMS_SCHEMES = ("awskms://", "azurekms://", "hashivault://", "gcpkms://")
# A key's or an alias' ARN, with an optional host:port in front; other ids need settings from outside.
_AWS_KMS = re.compile(
    r"awskms://(?:[^/:]*:[^/:]*|\[[^/\]]*\]:[^/:]*)?/"
    r"arn:(?:aws|aws-us-gov|aws-cn):kms:[a-z0-9-]+:\d{12}:"
    r"(?:alias/.*|key/m?r?k?-?[A-Fa-f0-9]{8}(?:-?[A-Fa-f0-9]{4}){3}-?[A-Fa-f0-9]{12})",
    re.ASCII,
)
_PEM = re.compile(r"-----BEGIN ((?:RSA )?PUBLIC KEY)-----\s(.*?)\s-----END \1-----", re.DOTALL)
_DER_SEQUENCE = 0x30
# Reasons of Python's parser that hold in Go's syntax (RE2) too. Where the two may differ, a
# pattern is let through: a policy must not be refused for what Go accepts.
_WRONG_EVERYWHERE = (
    "missing ), unterminated subpattern",
    "unbalanced parenthesis",
    "unterminated character set",
    "bad character range",
    "bad escape (end of pattern)",
)


def parse_key(section: Section) -> KeyRef:
    """Read a KeyRef: exactly one of data, kms, secretRef. What is wrong becomes problems."""
    data, kms = section.text("data"), section.text("kms")
    secret = section.section("secretRef")
    sources = [name for name in ("data", "kms", "secretRef") if section.has_content(name)]
    if len(sources) != 1:
        section.problem("", f"expected exactly one of data, kms, secretRef, got {_listed(sources)}")
    if data and not _is_public_key(data):
        section.problem("data", "expected a public key in PEM (BEGIN PUBLIC KEY), got something else")
    if kms:
        _check_kms(section, kms)
    algorithm = section.text("hashAlgorithm").strip().lower() or "sha256"
    if algorithm not in _HASHES:
        section.problem("hashAlgorithm", f"expected one of {', '.join(_HASHES)}, got {describe(algorithm)}")
    return KeyRef(
        data=data,
        kms=kms,
        secret_name=secret.text("name") if secret else "",
        secret_namespace=secret.text("namespace") if secret else "",
        hash_algorithm=algorithm,
    )


def parse_identity(section: Section) -> Identity:
    """Read an identity: an issuer and a subject, each as text or as a regular expression, not both."""
    for plain, pattern in (("issuer", "issuerRegExp"), ("subject", "subjectRegExp")):
        given = [name for name in (plain, pattern) if section.text(name)]
        if len(given) != 1:
            section.problem("", f"expected exactly one of {plain}, {pattern}, got {_listed(given)}")
        reason = _wrong_pattern(section.text(pattern))
        if reason:
            section.problem(pattern, f"expected a regular expression (RE2), got one that is wrong: {reason}")
    return Identity(
        issuer=section.text("issuer"),
        issuer_regexp=section.text("issuerRegExp"),
        subject=section.text("subject"),
        subject_regexp=section.text("subjectRegExp"),
    )


def _listed(names: list[str]) -> str:
    return " and ".join(names) if names else "none"


def _is_public_key(text: str) -> bool:
    """Whether this is PEM around a DER sequence; the key itself is looked at where it is used."""
    pem = _PEM.search(text)
    if pem is None:
        return False
    try:
        der = base64.b64decode("".join(pem[2].split()), validate=True)
    except (binascii.Error, ValueError):
        return False
    return der[:1] == bytes([_DER_SEQUENCE])


def _check_kms(section: Section, kms: str) -> None:
    if not kms.startswith(_KMS_SCHEMES):
        section.problem("kms", f"expected a URL of {', '.join(_KMS_SCHEMES)}, got {describe(kms)}")
    elif kms.startswith("awskms://") and _AWS_KMS.fullmatch(kms) is None:
        section.problem("kms", f"expected awskms://[HOST:PORT]/ARN of a key or an alias, got {describe(kms)}")


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

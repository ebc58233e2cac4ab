"""Who signed, by a certificate of Fulcio; and whether a policy names them. Pure.

Sources: cosign's `CheckCertificatePolicy` and `certextensions.go`, sigstore's
`cryptoutils.GetSubjectAlternateNames`, Fulcio's `docs/oid-info.md`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cryptography.x509 import (
    Certificate,
    DNSName,
    ExtensionNotFound,
    IPAddress,
    ObjectIdentifier,
    OtherName,
    RFC822Name,
    SubjectAlternativeName,
    UniformResourceIdentifier,
    UnrecognizedExtension,
)

from evaluator.images.keyless.outcomes import RefusedError
from evaluator.images.keyless.patterns import check_pattern, matches
from evaluator.policies.model_authorities import Identity
from pipeline.errors import clip

_FULCIO = "1.3.6.1.4.1.57264.1"
_ISSUER, _ISSUER_DER, _OTHER_NAME = f"{_FULCIO}.1", f"{_FULCIO}.8", ObjectIdentifier(f"{_FULCIO}.7")
_GITHUB: Mapping[str, str] = {
    "githubWorkflowTrigger": f"{_FULCIO}.2",
    "githubWorkflowSha": f"{_FULCIO}.3",
    "githubWorkflowName": f"{_FULCIO}.4",
    "githubWorkflowRepo": f"{_FULCIO}.5",
    "githubWorkflowRef": f"{_FULCIO}.6",
}
_UTF8_STRING = 0x0C
_SHORT = 0x80


@dataclass(frozen=True, slots=True)
class Signatory:
    """Who a certificate was issued to, as a policy's text sees it. `github`: by the names it has there."""

    subjects: tuple[str, ...]
    issuer: str
    github: tuple[tuple[str, str], ...] = ()


def signer_of(certificate: Certificate) -> Signatory:
    """Raises RefusedError: a name cannot be read."""
    texts = {
        each.oid.dotted_string: each.value.value
        for each in certificate.extensions
        if isinstance(each.value, UnrecognizedExtension)
    }
    issuer = _plain(texts[_ISSUER]) if _ISSUER in texts else _der_text(texts.get(_ISSUER_DER, b""))
    github = tuple((name, _plain(texts[oid])) for name, oid in _GITHUB.items() if oid in texts)
    return Signatory(_subjects(certificate), issuer, github)


def check_identity(signer: Signatory, identities: Sequence[Identity]) -> None:
    """One identity is enough. Raises RefusedError; UnverifiableError where a pattern cannot be used."""
    if not any(_is(signer, identity) for identity in identities):
        subjects = ", ".join(signer.subjects) or "nobody"
        raise RefusedError(f"it is by {clip(subjects, 120)} (issuer {clip(signer.issuer, 80) or 'unknown'})")


def check_patterns(identities: Sequence[Identity]) -> None:
    """That all can be matched at all. Raises UnverifiableError."""
    for identity in identities:
        for text in (identity.issuer_regexp, identity.subject_regexp):
            if text:
                check_pattern(text)


def _is(signer: Signatory, identity: Identity) -> bool:
    return _matches(identity.issuer, identity.issuer_regexp, [signer.issuer]) and _matches(
        identity.subject, identity.subject_regexp, signer.subjects
    )


def _matches(text: str, pattern: str, names: Sequence[str]) -> bool:
    """As upstream: a pattern goes before a text, may match a part, and where there is neither, all match."""
    if pattern:
        return any(matches(pattern, name) for name in names)
    return not text or text in names


def _subjects(certificate: Certificate) -> tuple[str, ...]:
    try:
        names = certificate.extensions.get_extension_for_class(SubjectAlternativeName).value
    except ExtensionNotFound:
        return ()
    others = [each.value for each in names.get_values_for_type(OtherName) if each.type_id == _OTHER_NAME]
    return (
        *names.get_values_for_type(DNSName),
        *names.get_values_for_type(RFC822Name),
        *map(str, names.get_values_for_type(IPAddress)),
        *names.get_values_for_type(UniformResourceIdentifier),
        *map(_der_text, others),
    )


def _plain(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise RefusedError("its certificate has an extension that is no text") from None


def _der_text(value: bytes) -> str:
    """A DER UTF8String."""
    if not value:
        return ""
    length, body = value[1] if len(value) > 1 else 0, value[2:]
    if length & _SHORT:
        size = length & ~_SHORT
        length, body = int.from_bytes(body[:size]), body[size:]
    if value[0] != _UTF8_STRING or length != len(body):
        raise RefusedError("its certificate has an extension that is no text")
    return _plain(body)

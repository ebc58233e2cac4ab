"""What is signed: the two forms of a cosign signature. Pure.

Sources: cosign's `specs/SIGNATURE_SPEC.md` (simple signing), the DSSE protocol
(pre-authentication encoding), in-toto's Statement, and the Sigstore bundle.
As policy-controller has it: the digest is what counts; which repository was signed
(`critical.identity`) is not compared, so that a mirrored image stays signed.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from evaluator.images.signature_keys import decode

SIGNATURE_ANNOTATION = "dev.cosignproject.cosign/signature"
_SIMPLE_SIGNING = "cosign container image signature"
_IN_TOTO = "application/vnd.in-toto+json"
_COSIGN_SIGN = "https://sigstore.dev/cosign/sign/v1"


class _SignedImage(msgspec.Struct):
    docker_manifest_digest: str = msgspec.field(name="docker-manifest-digest")


class _Critical(msgspec.Struct):
    image: _SignedImage
    type: str


class _SimpleSigning(msgspec.Struct):
    critical: _Critical


class _Subject(msgspec.Struct):
    digest: Mapping[str, str] = {}


class _Statement(msgspec.Struct, rename="camel"):
    predicate_type: str = ""
    subject: list[_Subject] = []


class _Signature(msgspec.Struct):
    sig: str = ""


class _Envelope(msgspec.Struct, frozen=True, rename="camel"):
    """DSSE: a payload and its signatures, as base64."""

    payload: str = ""
    payload_type: str = ""
    signatures: tuple[_Signature, ...] = ()


class _Bundle(msgspec.Struct, rename="camel"):
    dsse_envelope: _Envelope | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """What may be a signature of an image. `id`: SHA-256 of its document, in hexadecimal."""

    id: str
    message: bytes
    """What was signed."""
    signatures: tuple[bytes, ...]
    """Any of them is enough."""
    is_about_it: bool
    """Whether the message speaks of the image at all."""


def plain_candidate(payload: bytes, signature: str, digest: str) -> Candidate:
    """A simple-signing payload and its signature as base64."""
    found = decode(signature)
    signatures = () if found is None else (found,)
    return Candidate(_id(payload), payload, signatures, _is_about(payload, digest))


def bundled_candidate(body: bytes, digest: str) -> Candidate | None:
    """A Sigstore bundle; None where it has no envelope, or one that is no signature of an image."""
    try:
        envelope = msgspec.json.decode(body, type=_Bundle).dsse_envelope
        payload = decode(envelope.payload) if envelope else None
        if envelope is None or payload is None or envelope.payload_type != _IN_TOTO:
            return None
        statement = msgspec.json.decode(payload, type=_Statement)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    if statement.predicate_type != _COSIGN_SIGN:
        return None
    algorithm, _, text = digest.partition(":")
    named = any(subject.digest.get(algorithm) == text for subject in statement.subject)
    signatures = tuple(found for each in envelope.signatures if (found := decode(each.sig)) is not None)
    message = pre_authentication_encoding(envelope.payload_type, payload)
    return Candidate(_id(body), message, signatures, named)


def pre_authentication_encoding(payload_type: str, payload: bytes) -> bytes:
    """What DSSE signs, "PAE"."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def _is_about(payload: bytes, digest: str) -> bool:
    try:
        critical = msgspec.json.decode(payload, type=_SimpleSigning).critical
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return critical.type == _SIMPLE_SIGNING and critical.image.docker_manifest_digest == digest


def _id(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()

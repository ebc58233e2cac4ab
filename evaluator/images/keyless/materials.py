"""What comes with a signature to verify it by: certificate, log entries, timestamps. Pure.

Two carriers: the annotations of a layer, as cosign has always written them
(`specs/SIGNATURE_SPEC.md`), and Sigstore bundles (protobuf-specs, `bundle/v1`, in JSON). Fields
that a bundle does not have are refused, so that nothing is passed over unread.
"""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from evaluator.images.keyless.entries import EntryJson, LogEntry, bundled_entry, cosign_entry, data
from evaluator.images.keyless.outcomes import RefusedError, UnverifiableError
from evaluator.images.keyless.trust import UnusableTrustRootError, split_pem
from evaluator.images.signatures.envelopes import pre_authentication_encoding

CERTIFICATE, CHAIN = "dev.sigstore.cosign/certificate", "dev.sigstore.cosign/chain"
ENTRY, TIMESTAMP = "dev.sigstore.cosign/bundle", "dev.sigstore.cosign/rfc3161timestamp"
_T = TypeVar("_T")
_BUNDLE = "application/vnd.dev.sigstore.bundle"
_BUNDLES = {f"{_BUNDLE}.v0.3+json", *(f"{_BUNDLE}+json;version=0.{minor}" for minor in (1, 2, 3))}
_MOST = 8
"""Log entries, timestamps and certificates of one signature that are looked at."""


@dataclass(frozen=True, slots=True)
class Signed:
    """What was signed, in each of the forms that a log may have written down.

    `digest`: SHA-256 of the message, by which the signature verifies; `message` is None where only
    that is known (a signature of the image's manifest). Of a DSSE envelope also its payload, and the
    envelope's own bytes where it came as a file.
    """

    signature: bytes
    digest: bytes
    message: bytes | None = None
    payload: bytes | None = None
    envelope: bytes | None = None
    stamped: bytes | None = None
    """What timestamps are of, where that is not the signature."""


@dataclass(frozen=True, slots=True)
class Material:
    """Certificates as DER. `bundle`: the JSON it came in, where it is a Sigstore bundle."""

    certificate: bytes | None = None
    chain: tuple[bytes, ...] = ()
    entries: tuple[LogEntry, ...] = ()
    timestamps: tuple[bytes, ...] = ()
    bundle: bytes | None = None


class _Timestamp(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    signed_rfc3161_timestamp: str = msgspec.field(name="SignedRFC3161Timestamp")


class _Bytes(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    raw_bytes: str


class _Chain(msgspec.Struct, forbid_unknown_fields=True):
    certificates: list[_Bytes]


class _Hint(msgspec.Struct, forbid_unknown_fields=True):
    hint: str = ""


class _SignedTimestamp(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    signed_timestamp: str


class _Timestamps(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    rfc3161_timestamps: list[_SignedTimestamp] = []


class _Material(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    certificate: _Bytes | None = None
    x509_certificate_chain: _Chain | None = None
    public_key: _Hint | None = None
    tlog_entries: list[EntryJson] = []
    timestamp_verification_data: _Timestamps | None = None


class _Hash(msgspec.Struct, forbid_unknown_fields=True):
    algorithm: str
    digest: str


class MessageSignature(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """Of a message that is elsewhere."""

    signature: str
    message_digest: _Hash | None = None


class _Signature(msgspec.Struct, forbid_unknown_fields=True):
    sig: str
    keyid: str = ""


class Envelope(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """DSSE. One signature: a bundle with more of them has no one signer."""

    payload: str
    payload_type: str
    signatures: list[_Signature]


class Bundle(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """A Sigstore bundle as it is in JSON."""

    media_type: str
    verification_material: _Material
    message_signature: MessageSignature | None = None
    dsse_envelope: Envelope | None = None


def annotated(annotations: Mapping[str, str]) -> Material:
    """What the annotations of a layer have. Raises RefusedError."""
    own = _certificates(annotations.get(CERTIFICATE, ""))
    if len(own) > 1:
        raise RefusedError("expected one certificate of the signer, got several")
    entry, stamp = annotations.get(ENTRY, ""), annotations.get(TIMESTAMP, "")
    return Material(
        own[0] if own else None,
        _certificates(annotations.get(CHAIN, "")),
        (cosign_entry(entry),) if entry else (),
        (_timestamp(stamp),) if stamp else (),
    )


def read_bundle(body: bytes) -> Bundle:
    """A bundle, before anything of it is believed. Raises RefusedError, UnverifiableError."""
    try:
        bundle = msgspec.json.decode(body, type=Bundle)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        reason = str(error) if isinstance(error, msgspec.MsgspecError) else "no UTF-8, or nested too deep"
        raise RefusedError(f"the bundle cannot be read: {reason[:100]}") from None
    if bundle.media_type not in _BUNDLES:
        raise UnverifiableError(f"a bundle of a version that is not read: {bundle.media_type[:80]}")
    return bundle


def bundled(bundle: Bundle, body: bytes) -> Material:
    """What a bundle has; `body` is its JSON. Raises RefusedError."""
    found = bundle.verification_material
    given = [each for each in (found.certificate, found.x509_certificate_chain, found.public_key) if each]
    if len(given) != 1:
        raise RefusedError("expected one of certificate, x509CertificateChain, publicKey in the bundle")
    chain = [found.certificate] if found.certificate else []
    if found.x509_certificate_chain:
        chain = _few(found.x509_certificate_chain.certificates)
        if not chain:
            raise RefusedError("the bundle's certificate chain is empty")
    certificates = tuple(data(each.raw_bytes, "rawBytes") for each in chain)
    stamps = found.timestamp_verification_data
    return Material(
        certificates[0] if certificates else None,
        certificates[1:],
        tuple(map(bundled_entry, _few(found.tlog_entries))),
        tuple(
            data(each.signed_timestamp, "timestamp")
            for each in _few(stamps.rfc3161_timestamps if stamps else [])
        ),
        body,
    )


def signed_message(bundle: MessageSignature, digest: bytes) -> Signed:
    """Of a manifest with this SHA-256. Raises RefusedError."""
    named = bundle.message_digest
    if named is not None and (named.algorithm, named.digest) != (
        "SHA2_256",
        base64.b64encode(digest).decode(),
    ):
        raise RefusedError("the bundle is of another digest")
    return Signed(data(bundle.signature, "signature"), digest)


def signed_envelope(envelope: Envelope) -> Signed:
    """Of a bundle's DSSE envelope. Raises RefusedError."""
    if len(envelope.signatures) != 1:
        raise RefusedError(f"expected one signature in the bundle's envelope, got {len(envelope.signatures)}")
    payload = data(envelope.payload, "payload")
    message = pre_authentication_encoding(envelope.payload_type, payload)
    signature = data(envelope.signatures[0].sig, "sig")
    return Signed(signature, hashlib.sha256(message).digest(), message, payload)


def signed_payload(payload: bytes, signature: bytes) -> Signed:
    """Of a simple-signing payload."""
    return Signed(signature, hashlib.sha256(payload).digest(), payload)


def signed_attestation(layer: bytes, payload: bytes, payload_type: str, signature: bytes) -> Signed:
    """Of a DSSE envelope that is a layer by itself: logs know its bytes, timestamps are of them."""
    message = pre_authentication_encoding(payload_type, payload)
    return Signed(signature, hashlib.sha256(message).digest(), message, payload, layer, layer)


def _certificates(pem: str) -> tuple[bytes, ...]:
    if not pem:
        return ()
    try:
        found = tuple(_few(split_pem(pem.encode(errors="replace"))))
    except UnusableTrustRootError:
        raise RefusedError("its certificates are not in PEM") from None
    if "".join(pem.split()) != "".join("".join(map(_pem, found)).split()):
        raise RefusedError("its certificates are not in their canonical form")
    return found


def _pem(der: bytes) -> str:
    return f"-----BEGIN CERTIFICATE-----{base64.b64encode(der).decode()}-----END CERTIFICATE-----"


def _few(items: list[_T]) -> list[_T]:
    if len(items) > _MOST:
        raise RefusedError(
            f"expected at most {_MOST} certificates, log entries or timestamps, got {len(items)}"
        )
    return items


def _timestamp(text: str) -> bytes:
    try:
        return data(msgspec.json.decode(text, type=_Timestamp).signed_rfc3161_timestamp, "timestamp")
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise RefusedError("its timestamp cannot be read") from None

"""What the body of a log entry says was signed, and by whom. Pure.

Sources: Rekor's entry types (`pkg/types/*/v0.0.*` and, for 0.0.2 of hashedrekord and dsse,
rekor-tiles) and what cosign compares of them (`VerifyBundle`).
"""

import base64
import binascii
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from evaluator.images.keyless.materials import Signed
from evaluator.images.keyless.outcomes import RefusedError, UnverifiableError

_LABELS = ("CERTIFICATE", "PUBLIC KEY", "RSA PUBLIC KEY")


@dataclass(frozen=True, slots=True)
class Recorded:
    """An entry in its essence. Digests are SHA-256, empty where this type of entry has none.

    `by`: signatures (empty where the entry has none) and whose they are, as DER of a certificate or key.
    """

    kind: str
    by: tuple[tuple[bytes, bytes], ...]
    message: bytes = b""
    payload: bytes = b""
    envelope: bytes = b""


class _Hash(msgspec.Struct):
    value: str
    algorithm: str


class _Digest(msgspec.Struct):
    digest: str
    algorithm: str


class _PublicKey(msgspec.Struct):
    content: str


class _OldSignature(msgspec.Struct, rename="camel"):
    content: str
    public_key: _PublicKey


class _OldData(msgspec.Struct):
    hash: _Hash


class _OldRecord(msgspec.Struct):
    """hashedrekord 0.0.1."""

    data: _OldData
    signature: _OldSignature


class _DsseSignature(msgspec.Struct):
    signature: str
    verifier: str


class _OldDsse(msgspec.Struct, rename="camel"):
    """dsse 0.0.1."""

    payload_hash: _Hash
    signatures: list[_DsseSignature]


class _Raw(msgspec.Struct, rename="camel"):
    raw_bytes: str


class _Verifier(msgspec.Struct, rename="camel"):
    x509_certificate: _Raw | None = None
    public_key: _Raw | None = None


class _NewSignature(msgspec.Struct):
    content: str
    verifier: _Verifier


class _Record(msgspec.Struct):
    """hashedrekord 0.0.2."""

    data: _Digest
    signature: _NewSignature


class _NewRecord(msgspec.Struct):
    record: _Record = msgspec.field(name="hashedRekordV002")


class _Dsse(msgspec.Struct, rename="camel"):
    """dsse 0.0.2."""

    payload_hash: _Digest
    signatures: list[_NewSignature]


class _NewDsse(msgspec.Struct):
    dsse: _Dsse = msgspec.field(name="dsseV002")


class _IntotoSignature(msgspec.Struct, rename="camel"):
    public_key: str


class _IntotoEnvelope(msgspec.Struct):
    signatures: list[_IntotoSignature]


class _IntotoContent(msgspec.Struct):
    hash: _Hash
    envelope: _IntotoEnvelope


class _Intoto(msgspec.Struct):
    """intoto 0.0.2."""

    content: _IntotoContent


class _OldIntotoContent(msgspec.Struct):
    hash: _Hash


class _OldIntoto(msgspec.Struct, rename="camel"):
    """intoto 0.0.1."""

    content: _OldIntotoContent
    public_key: str


class _Body(msgspec.Struct, rename="camel"):
    kind: str
    api_version: str
    spec: msgspec.Raw


def read_body(body: bytes) -> Recorded:
    """Raises RefusedError: of a type that is not known, or not as that type has it."""
    try:
        entry = msgspec.json.decode(body, type=_Body)
        return _read(f"{entry.kind} {entry.api_version}", entry.spec)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise RefusedError("its log entry is not as entries of its type are") from None


def check_agrees(recorded: Recorded, signed: Signed, signer: bytes) -> None:
    """That an entry is of this signature. `signer`: DER of the certificate or key. Raises RefusedError.

    Raises UnverifiableError for a type that says nothing of what came in a bundle.
    """
    own = recorded.kind == "intoto" or (signed.signature, signer) in recorded.by
    if not own or signer not in {each for _, each in recorded.by}:
        raise RefusedError("its log entry is of another signature")
    match recorded.kind:
        case "hashedrekord":
            agrees = recorded.message == signed.digest
        case "dsse":
            agrees = signed.payload is not None and recorded.payload == _sha256(signed.payload)
        case _:
            if signed.envelope is None:
                raise UnverifiableError("its log entry is of type intoto, which is not read in a bundle")
            agrees = recorded.envelope == _sha256(signed.envelope)
    if not agrees:
        raise RefusedError("its log entry is of another message")


def _read(kind: str, spec: msgspec.Raw) -> Recorded:
    match kind:
        case "hashedrekord 0.0.1":
            old = msgspec.json.decode(spec, type=_OldRecord)
            by = (_base64(old.signature.content), _pem(old.signature.public_key.content))
            return Recorded("hashedrekord", (by,), message=_hex(old.data.hash))
        case "hashedrekord 0.0.2":
            record = msgspec.json.decode(spec, type=_NewRecord).record
            return Recorded("hashedrekord", _new_by([record.signature]), message=_digest(record.data))
        case "dsse 0.0.1":
            dsse = msgspec.json.decode(spec, type=_OldDsse)
            signatures = tuple((_base64(each.signature), _pem(each.verifier)) for each in dsse.signatures)
            return Recorded("dsse", signatures, payload=_hex(dsse.payload_hash))
        case "dsse 0.0.2":
            new = msgspec.json.decode(spec, type=_NewDsse).dsse
            return Recorded("dsse", _new_by(new.signatures), payload=_digest(new.payload_hash))
        case "intoto 0.0.1":
            first = msgspec.json.decode(spec, type=_OldIntoto)
            return Recorded("intoto", ((b"", _pem(first.public_key)),), envelope=_hex(first.content.hash))
        case "intoto 0.0.2":
            content = msgspec.json.decode(spec, type=_Intoto).content
            keys = tuple((b"", _pem(each.public_key)) for each in content.envelope.signatures)
            return Recorded("intoto", keys, envelope=_hex(content.hash))
        case _:
            raise RefusedError(f"its log entry is of a type that is not read: {kind[:40]}")


def _new_by(signatures: Sequence[_NewSignature]) -> tuple[tuple[bytes, bytes], ...]:
    found = []
    for each in signatures:
        raw = each.verifier.x509_certificate or each.verifier.public_key
        if raw is None:
            raise RefusedError("its log entry does not say whose signature it is of")
        found.append((_base64(each.content), _base64(raw.raw_bytes)))
    return tuple(found)


def _hex(found: _Hash) -> bytes:
    if found.algorithm != "sha256":
        raise RefusedError(f"its log entry has a digest that is not read: {found.algorithm[:20]}")
    try:
        return bytes.fromhex(found.value)
    except ValueError:
        raise RefusedError("its log entry has no digest") from None


def _digest(found: _Digest) -> bytes:
    if found.algorithm != "SHA2_256":
        raise RefusedError(f"its log entry has a digest that is not read: {found.algorithm[:20]}")
    return _base64(found.digest)


def _pem(text: str) -> bytes:
    """DER of what is PEM in base64: a certificate, or a public key."""
    pem = _base64(text).decode("latin-1")
    for label in _LABELS:
        _, begin, rest = pem.partition(f"-----BEGIN {label}-----")
        if begin:
            return _base64("".join(rest.partition("-----END")[0].split()))
    raise RefusedError("its log entry names neither a certificate nor a key")


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise RefusedError("its log entry has what is not base64") from None


def _sha256(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()

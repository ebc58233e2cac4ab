"""Entries of transparency logs, as they come beside a signature. Pure: read here, verified elsewhere.

Sources: cosign's `specs/SIGNATURE_SPEC.md` (`dev.sigstore.cosign/bundle`), and the
protobuf-specs' `rekor/v1` TransparencyLogEntry in JSON.
"""

from dataclasses import dataclass

import msgspec

from evaluator.images.keyless.outcomes import RefusedError
from evaluator.images.signatures.candidates import decode

_ID_BYTES = 32
_HASHES = 64
"""Of a proof: a log of 2^64 entries has no more."""


@dataclass(frozen=True, slots=True)
class Proof:
    """That an entry is in a tree (RFC 6962). `checkpoint`: a signed note with the tree's root hash."""

    index: int
    size: int
    root: bytes
    hashes: tuple[bytes, ...]
    checkpoint: str


@dataclass(frozen=True, slots=True)
class LogEntry:
    """`time`: seconds since the epoch, only as good as `promise`, the log's signature of it."""

    body: bytes
    """Canonical JSON that says what was signed, by whom."""
    log: bytes
    """The log's id."""
    index: int
    time: int
    promise: bytes = b""
    proof: Proof | None = None


class _Payload(msgspec.Struct, forbid_unknown_fields=True):
    body: str
    integrated_time: int = msgspec.field(name="integratedTime")
    log_index: int = msgspec.field(name="logIndex")
    log_id: str = msgspec.field(name="logID")


class _CosignBundle(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    signed_entry_timestamp: str
    payload: _Payload


class LogIdJson(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """As in the bundle, in base64."""

    key_id: str


class KindVersion(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """What an entry's body says, too."""

    kind: str
    version: str


class _Body(msgspec.Struct, rename="camel"):
    kind: str
    api_version: str


class _Promise(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    signed_entry_timestamp: str


class _Checkpoint(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    envelope: str


class _Proof(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    root_hash: str
    tree_size: str
    checkpoint: _Checkpoint
    log_index: str = "0"
    hashes: list[str] = []


class EntryJson(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """A TransparencyLogEntry in protobuf's JSON: 64-bit numbers are text, and zeros may be left out."""

    log_id: LogIdJson
    kind_version: KindVersion
    canonicalized_body: str
    log_index: str = "0"
    integrated_time: str = "0"
    inclusion_promise: _Promise | None = None
    inclusion_proof: _Proof | None = None


def cosign_entry(text: str) -> LogEntry:
    """The annotation `dev.sigstore.cosign/bundle`. Raises RefusedError."""
    try:
        bundle = msgspec.json.decode(text, type=_CosignBundle)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise RefusedError("its log entry cannot be read") from None
    payload = bundle.payload
    try:
        log = bytes.fromhex(payload.log_id)
    except ValueError:
        log = b""
    if len(log) != _ID_BYTES or payload.log_id != log.hex():
        raise RefusedError("its log entry does not say of which log it is")
    promise = data(bundle.signed_entry_timestamp, "signedEntryTimestamp")
    return LogEntry(data(payload.body, "body"), log, payload.log_index, payload.integrated_time, promise)


def bundled_entry(entry: EntryJson) -> LogEntry:
    """An entry of a Sigstore bundle. Raises RefusedError."""
    promise, proof = entry.inclusion_promise, entry.inclusion_proof
    body = data(entry.canonicalized_body, "canonicalizedBody")
    if _kind_of(body) != entry.kind_version:
        raise RefusedError("its log entry is not of the type that it says it is")
    return LogEntry(
        body,
        data(entry.log_id.key_id, "logId"),
        _number(entry.log_index),
        _number(entry.integrated_time),
        data(promise.signed_entry_timestamp, "signedEntryTimestamp") if promise else b"",
        _read_proof(proof) if proof else None,
    )


def data(text: str, what: str) -> bytes:
    """Base64 in its canonical form. Raises RefusedError."""
    found = decode(text)
    if not found:
        raise RefusedError(f"{what}: expected base64, got something else")
    return found


def _kind_of(body: bytes) -> KindVersion | None:
    try:
        found = msgspec.json.decode(body, type=_Body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    return KindVersion(found.kind, found.api_version)


def _read_proof(proof: _Proof) -> Proof:
    if len(proof.hashes) > _HASHES:
        raise RefusedError("its inclusion proof is longer than any can be")
    return Proof(
        _number(proof.log_index),
        _number(proof.tree_size),
        data(proof.root_hash, "rootHash"),
        tuple(data(each, "hashes") for each in proof.hashes),
        proof.checkpoint.envelope,
    )


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(2**63)) and str(int(text)) == text):
        raise RefusedError("expected a number in its log entry, got something else")
    return int(text)

"""Attestations: in-toto statements in DSSE envelopes, by themselves or in Sigstore bundles. Pure.

Source: policy-controller, `pkg/webhook/policy/attestation.go`, for what a policy sees of one: the
statement's own fields, and nothing else. Difference: upstream passes predicates of the types it
knows through Go structs, which drop what those do not name; here they are as they were signed.
"""

import msgspec
from msgspec import UNSET, Raw, UnsetType

from evaluator.images.signatures.candidates import Candidate, id_of
from evaluator.images.signatures.envelopes import Envelope, read_statement


class _Bundle(msgspec.Struct, rename="camel"):
    dsse_envelope: Envelope | None = None


class _Statement(msgspec.Struct):
    type: Raw | UnsetType = msgspec.field(name="_type", default=UNSET)
    predicate_type: Raw | UnsetType = msgspec.field(name="predicateType", default=UNSET)
    subject: Raw | UnsetType = UNSET
    predicate: Raw | UnsetType = UNSET


def bundled_attestation(body: bytes, digest: str) -> Candidate | None:
    """A bundle; None where it has no envelope with a statement."""
    try:
        envelope = msgspec.json.decode(body, type=_Bundle).dsse_envelope
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return _candidate(envelope, body, digest, bundle=body) if envelope is not None else None


def enveloped_attestation(body: bytes, annotations: dict[str, str], digest: str) -> Candidate | None:
    """An envelope, with the annotations of its layer; None where it has no statement."""
    try:
        envelope = msgspec.json.decode(body, type=Envelope)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return _candidate(envelope, body, digest, annotations, envelope_body=body)


def _candidate(
    envelope: Envelope,
    body: bytes,
    digest: str,
    annotations: dict[str, str] | None = None,
    *,
    bundle: bytes = b"",
    envelope_body: bytes = b"",
) -> Candidate | None:
    payload = envelope.decoded()
    statement = read_statement(payload) if payload is not None else None
    if payload is None or statement is None:
        return None
    return Candidate(
        id=id_of(body),
        message=envelope.message(payload),
        signatures=envelope.decoded_signatures(),
        is_about_it=statement.is_about(digest),
        annotations=annotations or {},
        bundle=bundle,
        envelope=envelope_body,
        predicate_type=statement.predicate_type,
        statement=msgspec.json.encode(msgspec.json.decode(payload, type=_Statement)),
    )

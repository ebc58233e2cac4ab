"""From a candidate to what `evaluator.images.keyless` verifies. Pure."""

import msgspec

from evaluator.images.keyless.materials import (
    Material,
    Signed,
    annotated,
    bundled,
    read_bundle,
    signed_attestation,
    signed_envelope,
    signed_message,
    signed_payload,
)
from evaluator.images.keyless.outcomes import RefusedError
from evaluator.images.signatures.candidates import Candidate
from evaluator.images.signatures.envelopes import Envelope


def read(candidate: Candidate, signature: bytes) -> tuple[Signed, Material]:
    """What was signed, and all that came with it. `signature`: the candidate's. Raises RefusedError."""
    if candidate.envelope:
        return _read_attestation(candidate, signature), annotated(candidate.annotations)
    if not candidate.bundle:
        return signed_payload(candidate.message, signature), annotated(candidate.annotations)
    bundle = read_bundle(candidate.bundle)
    material = bundled(bundle, candidate.bundle)
    envelope, message = bundle.dsse_envelope, bundle.message_signature
    if envelope is not None and message is None:
        return signed_envelope(envelope), material
    if message is not None and envelope is None:
        return signed_message(message, candidate.manifest), material
    raise RefusedError("expected one of dsseEnvelope, messageSignature in the bundle")


def _read_attestation(candidate: Candidate, signature: bytes) -> Signed:
    try:
        envelope = msgspec.json.decode(candidate.envelope, type=Envelope)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise RefusedError("its envelope cannot be read") from None
    payload = envelope.decoded()
    if payload is None:
        raise RefusedError("its envelope holds no in-toto statement")
    return signed_attestation(candidate.envelope, payload, envelope.payload_type, signature)

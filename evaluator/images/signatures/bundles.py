"""Sigstore bundles that hold a signature of an image. Pure.

Source: Sigstore's `protos/sigstore_bundle.proto`, and cosign's statement of a signature.
"""

import msgspec

from evaluator.images.signatures.candidates import Candidate, id_of
from evaluator.images.signatures.envelopes import Envelope, read_statement

MEDIA_TYPE = "application/vnd.dev.sigstore.bundle"
"""How the media types of all its versions begin."""
COSIGN_SIGN = "https://sigstore.dev/cosign/sign/v1"


class _Bundle(msgspec.Struct, rename="camel"):
    dsse_envelope: Envelope | None = None


def bundled_candidate(body: bytes, digest: str) -> Candidate | None:
    """A bundle; None where it has no envelope, or one that is no signature of an image."""
    try:
        envelope = msgspec.json.decode(body, type=_Bundle).dsse_envelope
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    payload = envelope.decoded() if envelope else None
    statement = read_statement(payload) if payload is not None else None
    if envelope is None or payload is None or statement is None:
        return None
    if statement.predicate_type != COSIGN_SIGN:
        return None
    return Candidate(
        id=id_of(body),
        message=envelope.message(payload),
        signatures=envelope.decoded_signatures(),
        is_about_it=statement.is_about(digest),
        bundle=body,
    )

"""Sigstore bundles that hold a signature of an image. Pure.

Source: Sigstore's `protos/sigstore_bundle.proto`, and cosign's statement of a signature.
"""

import msgspec

from evaluator.images.signatures.candidates import Candidate, decode, id_of
from evaluator.images.signatures.envelopes import Envelope, read_statement

MEDIA_TYPE = "application/vnd.dev.sigstore.bundle"
"""How the media types of all its versions begin."""
COSIGN_SIGN = "https://sigstore.dev/cosign/sign/v1"


class _Digest(msgspec.Struct):
    algorithm: str = ""
    digest: str = ""


class _MessageSignature(msgspec.Struct, rename="camel"):
    signature: str = ""
    message_digest: _Digest | None = None


class _Bundle(msgspec.Struct, rename="camel"):
    dsse_envelope: Envelope | None = None
    message_signature: _MessageSignature | None = None


def bundled_candidate(body: bytes, digest: str) -> Candidate | None:
    """A bundle; None where it has neither form of a signature of an image."""
    try:
        bundle = msgspec.json.decode(body, type=_Bundle)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    if bundle.dsse_envelope is not None:
        return _of_statement(bundle.dsse_envelope, body, digest)
    return _of_manifest(bundle.message_signature, body, digest) if bundle.message_signature else None


def _of_statement(envelope: Envelope, body: bytes, digest: str) -> Candidate | None:
    payload = envelope.decoded()
    statement = read_statement(payload) if payload is not None else None
    if payload is None or statement is None or statement.predicate_type != COSIGN_SIGN:
        return None
    return Candidate(
        id=id_of(body),
        message=envelope.message(payload),
        signatures=envelope.decoded_signatures(),
        is_about_it=statement.is_about(digest),
        bundle=body,
    )


def _of_manifest(signed: _MessageSignature, body: bytes, digest: str) -> Candidate | None:
    """The manifest is signed itself: its digest is what a signature is verified by."""
    signature, named = decode(signed.signature), signed.message_digest
    algorithm, _, text = digest.partition(":")
    if signature is None or algorithm != "sha256":
        return None
    manifest = bytes.fromhex(text)
    is_about_it = named is None or (named.algorithm, decode(named.digest)) == ("SHA2_256", manifest)
    return Candidate(id_of(body), b"", (signature,), is_about_it, bundle=body, manifest=manifest)

"""cosign's own form of a signature: a simple-signing payload, and an annotation with its signature. Pure.

Source: cosign's `specs/SIGNATURE_SPEC.md`. As policy-controller has it: the digest is what
counts; which repository was signed (`critical.identity`) is not compared, so that a mirrored
image stays signed.
"""

from collections.abc import Mapping

import msgspec

from evaluator.images.signatures.candidates import Candidate, decode, id_of

SIGNATURE_ANNOTATION = "dev.cosignproject.cosign/signature"
_TYPE = "cosign container image signature"


class _SignedImage(msgspec.Struct):
    docker_manifest_digest: str = msgspec.field(name="docker-manifest-digest")


class _Critical(msgspec.Struct):
    image: _SignedImage
    type: str


class _SimpleSigning(msgspec.Struct):
    critical: _Critical


def plain_candidate(payload: bytes, annotations: Mapping[str, str], digest: str) -> Candidate:
    """A payload, with the annotations of its layer, for the image of this digest."""
    found = decode(annotations.get(SIGNATURE_ANNOTATION, ""))
    signatures = () if found is None else (found,)
    return Candidate(id_of(payload), payload, signatures, _is_about(payload, digest), annotations)


def _is_about(payload: bytes, digest: str) -> bool:
    try:
        critical = msgspec.json.decode(payload, type=_SimpleSigning).critical
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return critical.type == _TYPE and critical.image.docker_manifest_digest == digest

"""What is looked for beside an image: signatures of it, or attestations about it. Pure.

A form says which manifests and layers may hold it, so that nothing else is asked for. What
annotations say is nobody's word: it can only spare a question.
"""

from typing import Protocol

from evaluator.images.media import Descriptor
from evaluator.images.signatures.attestations import bundled_attestation, enveloped_attestation
from evaluator.images.signatures.bundles import COSIGN_SIGN, MEDIA_TYPE, bundled_candidate
from evaluator.images.signatures.candidates import Candidate
from evaluator.images.signatures.simple_signing import SIGNATURE_ANNOTATION, plain_candidate

_EMPTY = "application/vnd.oci.empty.v1+json"
"""What go-containerregistry calls a bundle where a tag stands in for the referrers API."""
_COSIGN_SIGNATURE = "application/vnd.dev.cosign.artifact.sig.v1+json"
_COSIGN_ATTESTATION = "application/vnd.dev.cosign.artifact.att.v1+json"
_IN_TOTO = "in-toto"
_ENVELOPE = "application/vnd.dsse.envelope"
_OF_BUNDLE, _OF_LAYER = "dev.sigstore.bundle.predicateType", "predicateType"
"""Annotations of a referrer, and of a layer, with a predicate type."""


class Form(Protocol):
    """See the module."""

    @property
    def suffix(self) -> str:
        """Of the tag that holds it, behind the digest."""
        ...

    @property
    def what(self) -> str:
        """What it is, for messages."""
        ...

    def may_refer(self, manifest: Descriptor) -> bool:
        """Whether a manifest that refers to the image may hold it."""
        ...

    def may_be(self, layer: Descriptor) -> bool:
        """Whether a layer of such a manifest may be one."""
        ...

    def read(self, layer: Descriptor, body: bytes, digest: str) -> Candidate | None:
        """A layer as what it may be, of the image of this digest; None where it is none."""
        ...


class SignatureForm:
    """Signatures: cosign's own form, and bundles."""

    suffix = "sig"
    what = "signature"

    def may_refer(self, manifest: Descriptor) -> bool:
        """See Form."""
        kind = manifest.artifact_type
        said = (manifest.annotations or {}).get(_OF_BUNDLE, COSIGN_SIGN)
        return said == COSIGN_SIGN and (kind in (_COSIGN_SIGNATURE, _EMPTY) or kind.startswith(MEDIA_TYPE))

    def may_be(self, layer: Descriptor) -> bool:
        """See Form."""
        return layer.media_type.startswith(MEDIA_TYPE) or bool(
            (layer.annotations or {}).get(SIGNATURE_ANNOTATION)
        )

    def read(self, layer: Descriptor, body: bytes, digest: str) -> Candidate | None:
        """See Form."""
        if layer.media_type.startswith(MEDIA_TYPE):
            return bundled_candidate(body, digest)
        return plain_candidate(body, layer.annotations or {}, digest)


class AttestationForm:
    """Attestations: envelopes, and bundles. `types`: the URIs that are wanted."""

    suffix = "att"
    what = "attestation"

    def __init__(self, types: frozenset[str]) -> None:
        self._types = types

    def may_refer(self, manifest: Descriptor) -> bool:
        """See Form. Some releases of cosign call every attestation in a bundle a signature."""
        kind = manifest.artifact_type
        said = (manifest.annotations or {}).get(_OF_BUNDLE, "")
        return self._is_wanted("" if said == COSIGN_SIGN else said) and (
            kind in (_COSIGN_ATTESTATION, _EMPTY)
            or kind.startswith((MEDIA_TYPE, _ENVELOPE))
            or _IN_TOTO in kind
        )

    def may_be(self, layer: Descriptor) -> bool:
        """See Form."""
        kind = layer.media_type
        return self._is_wanted((layer.annotations or {}).get(_OF_LAYER, "")) and (
            kind.startswith((MEDIA_TYPE, _ENVELOPE)) or _IN_TOTO in kind
        )

    def read(self, layer: Descriptor, body: bytes, digest: str) -> Candidate | None:
        """See Form."""
        if layer.media_type.startswith(MEDIA_TYPE):
            return bundled_attestation(body, digest)
        return enveloped_attestation(body, dict(layer.annotations or {}), digest)

    def _is_wanted(self, said: str) -> bool:
        return not said or said in self._types

"""Manifests and indexes, read and checked. Pure: bytes in, descriptors out.

Sources: OCI image specification 1.1 (image-manifest, image-index, descriptor) and
Docker's "Image Manifest Version 2, Schema 2".
"""

import hashlib
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

import msgspec

from evaluator.images.errors import ContentRefusedError
from evaluator.policies.references import is_digest
from pipeline.errors import clip


class MediaType(StrEnum):
    """What registries call the documents that lead to a config."""

    OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
    OCI_INDEX = "application/vnd.oci.image.index.v1+json"
    OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
    DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
    DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
    DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"


INDEXES = frozenset({MediaType.OCI_INDEX, MediaType.DOCKER_LIST})
MANIFESTS = frozenset({MediaType.OCI_MANIFEST, MediaType.DOCKER_MANIFEST})
CONFIGS = frozenset({MediaType.OCI_CONFIG, MediaType.DOCKER_CONFIG})
ACCEPT = ", ".join((*sorted(INDEXES), *sorted(MANIFESTS)))

_SCHEMA_1 = "application/vnd.docker.distribution.manifest.v1+"
_REFERENCE_TYPE = "vnd.docker.reference.type"
_UNKNOWN = "unknown"


class Platform(msgspec.Struct, frozen=True):
    """Of a manifest in an index."""

    architecture: str = ""
    os: str = ""
    os_version: str = msgspec.field(name="os.version", default="")
    variant: str = ""

    @property
    def name(self) -> str:
        """`os/arch[/variant][:osversion]`, as go-containerregistry writes it."""
        parts = "/".join(part for part in (self.os, self.architecture, self.variant) if part)
        return f"{parts}:{self.os_version}" if self.os_version else parts


class Descriptor(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """Names content by its digest. `size` in bytes."""

    media_type: str = ""
    digest: str = ""
    size: int = 0
    platform: Platform | None = None
    annotations: Mapping[str, str] | None = None
    artifact_type: str = ""


class ManifestDocument(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """A manifest or an index, whichever its media type says; fields of the other kind are empty."""

    schema_version: int = 0
    media_type: str = ""
    artifact_type: str = ""
    config: Descriptor | None = None
    layers: Sequence[Descriptor] | None = None
    manifests: Sequence[Descriptor] | None = None
    subject: Descriptor | None = None
    annotations: Mapping[str, str] | None = None


class Manifest(msgspec.Struct, frozen=True):
    """Bytes under their digest, which was calculated from them. `media_type` is the registry's word."""

    digest: str
    media_type: str
    body: bytes

    def document(self) -> ManifestDocument:
        """Read it. Raises ContentRefusedError, which names what it is instead."""
        return read_manifest(self.body, self.media_type)

    @property
    def is_index(self) -> bool:
        """Whether it lists manifests."""
        return self.document().manifests is not None


def digest_of(body: bytes, algorithm: str = "sha256") -> str:
    """The digest of content."""
    return f"{algorithm}:{hashlib.new(algorithm, body).hexdigest()}"


def verify(body: bytes, digest: str, what: str) -> None:
    """Check content against its digest. Raises ContentRefusedError."""
    if not is_digest(digest):
        raise ContentRefusedError(f'{what}: "{clip(digest, 80)}" is no digest Tocsin knows')
    got = digest_of(body, digest.partition(":")[0])
    if got != digest:
        raise ContentRefusedError(f"{what}: expected {digest}, got content with {got}")


def read_manifest(body: bytes, media_type: str) -> ManifestDocument:
    """Read a manifest or an index. Raises ContentRefusedError.

    One that is both is refused, for clients would not agree on what it is (CVE-2021-41190).
    """
    if media_type.startswith(_SCHEMA_1):
        raise _schema_1()
    try:
        document = msgspec.json.decode(body, type=ManifestDocument)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ContentRefusedError(f"the manifest cannot be read: {clip(str(error), 100)}") from error
    if document.schema_version == 1:
        raise _schema_1()
    if document.media_type and media_type in INDEXES | MANIFESTS and document.media_type != media_type:
        raise ContentRefusedError(
            f"the manifest says it is {clip(document.media_type, 80)}, the registry that it is {media_type}"
        )
    kind = document.media_type or media_type
    index = document.manifests is not None
    if index and (document.config is not None or document.layers is not None):
        raise ContentRefusedError("the manifest is an index and an image at once")
    if (kind in INDEXES and not index) or (kind in MANIFESTS and index):
        raise ContentRefusedError(f"the manifest is not what it says it is, {kind}")
    if not index and document.config is None:
        raise ContentRefusedError(f'expected an image manifest or an index, got "{clip(kind, 80)}"')
    return document


def images_in(index: ManifestDocument) -> list[Descriptor]:
    """The manifests of an index that may be images: no attestations, no other artifacts."""
    return [each for each in index.manifests or () if _may_be_image(each)]


def is_image(document: ManifestDocument) -> bool:
    """Whether a manifest is of an image that runs."""
    config = document.config
    return config is not None and not document.artifact_type and config.media_type in CONFIGS


def read_config(body: bytes, what: str) -> dict[str, Any]:
    """An image config. Raises ContentRefusedError where it is no JSON object."""
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ContentRefusedError(f"{what}: expected a JSON object: {clip(str(error), 100)}") from error


def platform_of(config: Mapping[str, Any]) -> str:
    """The platform that a config says it is for."""
    names = ("architecture", "os", "os.version", "variant")
    texts = (value if isinstance(value := config.get(name), str) else "" for name in names)
    return Platform(*texts).name


def _may_be_image(descriptor: Descriptor) -> bool:
    platform = descriptor.platform
    unknown = platform is not None and platform.os == platform.architecture == _UNKNOWN
    attached = _REFERENCE_TYPE in (descriptor.annotations or {})
    kind = descriptor.media_type in INDEXES | MANIFESTS
    return kind and not (unknown or attached or descriptor.artifact_type)


def _schema_1() -> ContentRefusedError:
    return ContentRefusedError(
        "the image has a manifest of schema 1, which has no config; build or push it again with a newer tool"
    )

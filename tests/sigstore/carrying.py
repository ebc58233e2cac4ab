"""Signatures put beside images in a registry: under cosign's tag, and as manifests that refer to an image."""

import json
from collections.abc import Sequence
from typing import Any

from evaluator.images.media import MediaType
from tests.images import Built, described, push
from tests.sigstore.instance import BUNDLE

SIMPLE_SIGNING = "application/vnd.dev.cosign.simplesigning.v1+json"
_EMPTY = "application/vnd.oci.empty.v1+json"


def push_tagged(
    host: str, repository: str, digest: str, *signed: tuple[bytes, dict[str, str]], suffix: str = "sig"
) -> None:
    """Payloads and their annotations, under `sha256-HEX.sig`."""
    layers = [{**described(body, SIMPLE_SIGNING), "annotations": more} for body, more in signed]
    manifest = _manifest(layers, MediaType.OCI_CONFIG, b"{}")
    built = Built(
        json.dumps(manifest).encode(), MediaType.OCI_MANIFEST, (b"{}", *(body for body, _ in signed))
    )
    push(host, repository, f"{digest.replace(':', '-')}.{suffix}", built)


def push_referring(host: str, repository: str, image: Built, bundles: Sequence[bytes]) -> None:
    """Bundles that refer to an image; under the tag that stands in for the referrers' API."""
    below = []
    for body in bundles:
        subject = described(image.body, image.media_type)
        manifest = {**_manifest([described(body, BUNDLE)], _EMPTY, b"{}"), "subject": subject}
        manifest["artifactType"] = BUNDLE
        below.append(Built(json.dumps(manifest).encode(), MediaType.OCI_MANIFEST, (b"{}", body)))
    listed = [{**each.descriptor, "artifactType": BUNDLE} for each in below]
    index = {"schemaVersion": 2, "mediaType": MediaType.OCI_INDEX, "manifests": listed}
    built = Built(json.dumps(index).encode(), MediaType.OCI_INDEX, below=tuple(below))
    push(host, repository, image.digest.replace(":", "-"), built)


def _manifest(layers: list[dict[str, Any]], kind: str, config: bytes) -> dict[str, Any]:
    return {
        "schemaVersion": 2,
        "mediaType": MediaType.OCI_MANIFEST,
        "config": described(config, kind),
        "layers": layers,
    }

"""Images that tests build themselves: configs, layers, manifests, indexes; and how to push them."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from evaluator.images.media import MediaType

LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
_SECONDS = 30.0


def digest(body: bytes) -> str:
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


@dataclass(frozen=True, slots=True)
class Built:
    """A manifest or an index, with all that it needs: blobs, and the manifests below it."""

    body: bytes
    media_type: str
    blobs: tuple[bytes, ...] = ()
    below: tuple["Built", ...] = ()
    platform: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        return digest(self.body)

    @property
    def descriptor(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "mediaType": self.media_type,
            "digest": self.digest,
            "size": len(self.body),
        }
        found |= {"platform": self.platform} if self.platform else {}
        return found | ({"annotations": self.annotations} if self.annotations else {})


def described(body: bytes, media_type: str) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest(body), "size": len(body)}


def config(created: str = "2026-11-01T00:00:00Z", user: str = "1000", **platform: str) -> dict[str, Any]:
    """An image config. `platform`: os, architecture, variant."""
    return {
        "architecture": "amd64",
        "os": "linux",
        "created": created,
        "config": {"User": user, "Entrypoint": ["/app"]},
        "rootfs": {"type": "layers", "diff_ids": [digest(b"layer")]},
        "history": [{"created": created, "created_by": "COPY app /"}],
        **platform,
    }


def image(
    content: dict[str, Any] | bytes | None = None,
    *,
    docker: bool = False,
    layers: Sequence[dict[str, Any]] | None = None,
    config_type: str = "",
    annotations: dict[str, str] | None = None,
    **more: Any,
) -> Built:
    """An image of one platform. `layers`: descriptors of layers that are elsewhere."""
    body = content if isinstance(content, bytes) else json.dumps(content or config()).encode()
    layer = b"layer"
    config_type = config_type or (MediaType.DOCKER_CONFIG if docker else MediaType.OCI_CONFIG)
    media_type = MediaType.DOCKER_MANIFEST if docker else MediaType.OCI_MANIFEST
    manifest = {
        "schemaVersion": 2,
        "mediaType": media_type,
        "config": described(body, config_type),
        "layers": [described(layer, LAYER)] if layers is None else list(layers),
        **more,
    }
    value = json.loads(body) if body.startswith(b"{") else {}
    platform = {
        key: value[key] for key in ("os", "architecture", "variant") if isinstance(value.get(key), str)
    }
    return Built(
        json.dumps(manifest).encode(),
        media_type,
        (body, layer),
        platform=platform,
        annotations=annotations or {},
    )


def index(*below: Built, docker: bool = False, more: Sequence[dict[str, Any]] = ()) -> Built:
    """An index. `more`: descriptors of what is not pushed."""
    media_type = MediaType.DOCKER_LIST if docker else MediaType.OCI_INDEX
    body = {
        "schemaVersion": 2,
        "mediaType": media_type,
        "manifests": [*(each.descriptor for each in below), *more],
    }
    return Built(json.dumps(body).encode(), media_type, below=below)


def attestation(of: Built) -> Built:
    """What BuildKit puts beside an image: a manifest of platform unknown/unknown."""
    built = image(
        b"{}",
        layers=[],
        annotations={
            "vnd.docker.reference.type": "attestation-manifest",
            "vnd.docker.reference.digest": of.digest,
        },
    )
    return Built(
        built.body,
        built.media_type,
        built.blobs,
        platform={"os": "unknown", "architecture": "unknown"},
        annotations=built.annotations,
    )


def push(host: str, repository: str, tag: str, built: Built) -> str:
    """Push by the distribution specification; the digest of what was pushed."""
    for blob in built.blobs:
        upload = _send("POST", f"http://{host}/v2/{repository}/blobs/uploads/")
        location = upload.headers["Location"]
        joined = "&" if "?" in location else "?"
        _send("PUT", f"{location}{joined}{urlencode({'digest': digest(blob)})}", blob)
    for each in built.below:
        push(host, repository, each.digest, each)
    _send("PUT", f"http://{host}/v2/{repository}/manifests/{tag}", built.body, built.media_type)
    return built.digest


def _send(method: str, url: str, body: bytes = b"", media_type: str = "application/octet-stream") -> Any:
    request = Request(url, data=body, method=method, headers={"Content-Type": media_type})  # noqa: S310
    with urlopen(request, timeout=_SECONDS) as response:  # noqa: S310 - a server of this test
        response.read()
        return response

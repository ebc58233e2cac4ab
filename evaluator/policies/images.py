"""The images of a pod spec, and the digests that run.

Source: Kubernetes core/v1 `PodSpec` (four places hold images) and CRI: `imageID`
is `REPOSITORY@DIGEST` where the runtime pulled from a registry. A bare `sha256:...`
there is the digest of a config, not of a manifest, and says nothing of a registry.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from evaluator.policies.describe import describe
from evaluator.policies.references import is_digest
from pipeline.errors import DocumentError
from pipeline.events import Image

_CONTAINERS = {
    "initContainers": "initContainerStatuses",
    "containers": "containerStatuses",
    "ephemeralContainers": "ephemeralContainerStatuses",
}


def images_of(
    pod_spec: Mapping[str, Any], path: str = "spec", status: Mapping[str, Any] | None = None
) -> tuple[Image, ...]:
    """Every image of a pod spec, in the order of init, ordinary and ephemeral containers, volumes.

    `path` is where the pod spec is, for messages; `status` is a Pod's status, for the
    digests that run. A container without an image has none to judge. Raises
    DocumentError that names the field that has a wrong type.
    """
    found: list[Image] = []
    for field, statuses in _CONTAINERS.items():
        digests = _running_digests(status or {}, statuses)
        for at, container in _objects(pod_spec, field, path):
            image = _text(container, "image", at)
            if image:
                name = _text(container, "name", at)
                found.append(Image(name=image, container=name, digest=digests.get(name, "")))
    for at, volume in _objects(pod_spec, "volumes", path):
        source = volume.get("image")
        if source is None:
            continue
        if not isinstance(source, dict):
            raise DocumentError(f"{at}.image: expected an object, got {describe(source)}")
        reference = _text(source, "reference", f"{at}.image")
        if reference:
            found.append(Image(name=reference, container=_text(volume, "name", at)))
    return tuple(found)


def _running_digests(status: Mapping[str, Any], field: str) -> dict[str, str]:
    """Container name -> manifest digest. Lenient: a status is no reason to refuse an object."""
    statuses = status.get(field)
    if not isinstance(statuses, list):
        return {}
    digests = {}
    for item in statuses:
        if not isinstance(item, dict):
            continue
        name, image_id = item.get("name"), item.get("imageID")
        if isinstance(name, str) and isinstance(image_id, str):
            _, at, digest = image_id.rpartition("@")
            if at and is_digest(digest):
                digests[name] = digest
    return digests


def _objects(pod_spec: Mapping[str, Any], field: str, path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    items = pod_spec.get(field)
    if items is None:
        return
    if not isinstance(items, list):
        raise DocumentError(f"{path}.{field}: expected a list, got {describe(items)}")
    for index, item in enumerate(items):
        at = f"{path}.{field}[{index}]"
        if item is None:
            continue
        if not isinstance(item, dict):
            raise DocumentError(f"{at}: expected an object, got {describe(item)}")
        yield at, item


def _text(values: Mapping[str, Any], field: str, path: str) -> str:
    value = values.get(field)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise DocumentError(f"{path}.{field}: expected a string, got {describe(value)}")
    return value

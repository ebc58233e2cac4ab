"""Objects as the database keeps them, and what it reads in them. Pure.

They come as the watcher published them, so redacted. A policy or a manifest may hold
anything, so whatever has another shape than expected says nothing.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import cramjam
import msgspec

_LEVEL = 1
"""Of zstd: half of the time of level 3, for 2 % more bytes of a Pod."""

_TEMPLATES: Mapping[str, tuple[str, ...]] = {
    "Pod": ("spec",),
    "CronJob": ("spec", "jobTemplate", "spec", "template", "spec"),
}
_TEMPLATE = ("spec", "template", "spec")
"""Where the pod spec is, in every other kind."""

_CONTAINERS = ("initContainers", "containers", "ephemeralContainers")
_OURS, _THEIRS = "tocsin.dev", "catalog.chainguard.dev"
"""Prefixes of the annotations that describe a policy, in this order."""


def packed(content: Mapping[str, Any]) -> bytes:
    """JSON in one zstd frame (RFC 8878), which says itself what it is."""
    return bytes(cramjam.zstd.compress(msgspec.json.encode(content), level=_LEVEL))


def unpacked(body: bytes) -> dict[str, Any]:
    """What `packed` was given."""
    content: dict[str, Any] = msgspec.json.decode(bytes(cramjam.zstd.decompress(body)))
    return content


def images(kind: str, content: Mapping[str, Any]) -> list[str]:
    """Names of the images of a resource, as written, each once and in their order."""
    pod = _at(content, _TEMPLATES.get(kind, _TEMPLATE))
    return list(dict.fromkeys(_images(pod)))


def _images(pod: Mapping[str, Any]) -> Iterator[str]:
    for field in _CONTAINERS:
        for container in _objects(pod.get(field)):
            yield from _texts(container.get("image"))
    for volume in _objects(pod.get("volumes")):
        yield from _texts(_at(volume, ("image",)).get("reference"))


def described(policy: Mapping[str, Any], name: str) -> str:
    """What an annotation such as `tocsin.dev/severity` says of a policy; empty without it."""
    annotations = _at(policy, ("metadata", "annotations"))
    said = (annotations.get(f"{prefix}/{name}") for prefix in (_OURS, _THEIRS))
    return next((text for each in said for text in _texts(each)), "")


def _at(content: Mapping[str, Any], path: tuple[str, ...]) -> Mapping[str, Any]:
    for name in path:
        found = content.get(name)
        if not isinstance(found, dict):
            return {}
        content = found
    return content


def _objects(found: Any) -> Iterator[Mapping[str, Any]]:
    for each in found if isinstance(found, list) else ():
        if isinstance(each, dict):
            yield each


def _texts(found: Any) -> Iterator[str]:
    if isinstance(found, str) and found:
        yield found

"""Objects as the database keeps them, and what it reads in them. Pure.

They come as the watcher published them, so redacted. A policy or a manifest may hold
anything, so whatever has another shape than expected says nothing.
"""

from collections.abc import Mapping
from threading import local
from typing import Any, TypeGuard

import msgspec
import zstandard

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


class _Zstd(local):
    """Of each thread its own: they are used again and again, and making them takes as long as a Pod."""

    def __init__(self) -> None:
        self.compress = zstandard.ZstdCompressor(level=_LEVEL).compress
        self.decompress = zstandard.ZstdDecompressor().decompress


_zstd = _Zstd()


def packed(content: Mapping[str, Any]) -> bytes:
    """JSON in one zstd frame (RFC 8878), which says itself what it is."""
    return _zstd.compress(msgspec.json.encode(content))


def unpacked(body: bytes) -> dict[str, Any]:
    """What `packed` was given."""
    content: dict[str, Any] = msgspec.json.decode(_zstd.decompress(body))
    return content


def images(kind: str, content: Mapping[str, Any]) -> list[str]:
    """Names of the images of a resource, as written, each once and in their order."""
    pod = _at(content, _TEMPLATES.get(kind, _TEMPLATE))
    named = [each.get("image") for field in _CONTAINERS for each in _objects(pod.get(field))]
    mounted = [_at(each, ("image",)).get("reference") for each in _objects(pod.get("volumes"))]
    return list(dict.fromkeys(filter(_is_text, named + mounted)))


def labels(content: Mapping[str, Any]) -> dict[str, str]:
    """The labels of a resource, those that are texts as they have to be, and that databases take."""
    found = _at(content, ("metadata", "labels")).items()
    return {key: value for key, value in found if isinstance(value, str) and "\0" not in key + value}


def described(policy: Mapping[str, Any], name: str) -> str:
    """What an annotation such as `tocsin.dev/severity` says of a policy; empty without it."""
    annotations = _at(policy, ("metadata", "annotations"))
    said = (annotations.get(f"{prefix}/{name}") for prefix in (_OURS, _THEIRS))
    return next(filter(_is_text, said), "")


def _at(content: Mapping[str, Any], path: tuple[str, ...]) -> Mapping[str, Any]:
    for name in path:
        found = content.get(name)
        if not isinstance(found, dict):
            return {}
        content = found
    return content


def _objects(found: Any) -> list[Mapping[str, Any]]:
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _is_text(found: Any) -> TypeGuard[str]:
    return isinstance(found, str) and found != ""

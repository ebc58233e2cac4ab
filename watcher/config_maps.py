"""ConfigMaps, and what stands for one: as much of them as policies need. Pure."""

from collections.abc import Mapping
from typing import Any

import msgspec

SIGSTORE_KEYS = "config-sigstore-keys"
"""Where policy-controller keeps what it makes of TrustRoots (`pkg/apis/config`, `SigstoreKeysConfigName`)."""
SECRET = "Secret/"  # noqa: S105 - no password
"""Begins the name of what is kept of a Secret; no object has a name with a slash."""


class ConfigMap(msgspec.Struct, frozen=True, array_like=True):
    """As much of a ConfigMap as policies need. `namespace` is empty where a manifest names none."""

    name: str
    namespace: str
    data: dict[str, Any]
    binary: frozenset[str] = frozenset()
    """Keys of `binaryData`."""


def config_map_of(body: Mapping[str, Any]) -> ConfigMap | None:
    """A ConfigMap, read leniently; None for one without a name."""
    metadata, data, binary = body.get("metadata"), body.get("data"), body.get("binaryData")
    name = metadata.get("name") if isinstance(metadata, Mapping) else None
    if not isinstance(metadata, Mapping) or not isinstance(name, str) or not name:
        return None
    return ConfigMap(
        name,
        str(metadata.get("namespace") or ""),
        data if isinstance(data, dict) else {},
        frozenset(binary) if isinstance(binary, Mapping) else frozenset(),
    )


def trust_root_of(body: Mapping[str, Any]) -> ConfigMap | None:
    """The entry that stands for a TrustRoot; None for one without a name or without content."""
    metadata, spec = body.get("metadata"), body.get("spec")
    name = metadata.get("name") if isinstance(metadata, Mapping) else None
    if not isinstance(name, str) or not name or not isinstance(spec, dict):
        return None
    try:
        return ConfigMap(SIGSTORE_KEYS, "", {name: msgspec.json.encode(spec).decode()})
    except (TypeError, ValueError, OverflowError, RecursionError):
        return None

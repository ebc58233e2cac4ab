"""Secrets with public keys, which policies name in `key.secretRef`. Pure.

Source: policy-controller, `inlineAndTrackSecret`: the Secret is in its own namespace, whatever
the policy says, and holds one entry, a public key in PEM. Of a Secret nothing is kept but public
keys and the names of its entries: what else is in there never goes further than this module.
"""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from typing import Any

from watcher.config_maps import SECRET, ConfigMap

_PUBLIC_KEY = re.compile(r"-----BEGIN ((?:RSA )?PUBLIC KEY)-----\s[A-Za-z0-9+/=\s]+-----END \1-----")


def secret_names(spec: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Path of a field -> name and namespace of the Secret it names, of every key that is in one."""
    authorities = spec.get("authorities")
    for number, authority in enumerate(authorities if isinstance(authorities, list) else ()):
        key = authority.get("key") if isinstance(authority, Mapping) else None
        given = key.get("secretRef") if isinstance(key, Mapping) else None
        if isinstance(given, Mapping):
            name, namespace = given.get("name") or "", given.get("namespace") or ""
            if isinstance(name, str) and isinstance(namespace, str) and name:
                yield f"spec.authorities[{number}].key.secretRef", name, namespace


def secret_of(body: Mapping[str, Any]) -> ConfigMap | None:
    """The public keys of a Secret, by the names of its entries; None for one without a name.

    `binary` names the entries that are something else.
    """
    metadata = body.get("metadata")
    name = metadata.get("name") if isinstance(metadata, Mapping) else None
    if not isinstance(metadata, Mapping) or not isinstance(name, str) or not name:
        return None
    found = {str(entry): _public_key(text) for entry, text in _entries(body)}
    return ConfigMap(
        SECRET + name,
        str(metadata.get("namespace") or ""),
        {entry: key for entry, key in found.items() if key},
        frozenset(entry for entry, key in found.items() if not key),
    )


def _entries(body: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """`stringData` replaces `data`, as the API server has it."""
    data, plain = (
        value if isinstance(value, Mapping) else {} for value in (body.get("data"), body.get("stringData"))
    )
    for entry, text in data.items():
        if entry not in plain:
            yield entry, _decoded(text)
    for entry, text in plain.items():
        yield entry, text if isinstance(text, str) else ""


def _decoded(text: Any) -> str:
    try:
        return base64.b64decode(text, validate=True).decode() if isinstance(text, str) else ""
    except (binascii.Error, ValueError):
        return ""


def _public_key(text: str) -> str:
    """The key, if the text begins with one; the first is the one that counts upstream."""
    found = _PUBLIC_KEY.match(text.lstrip())
    return f"{found[0]}\n" if found else ""

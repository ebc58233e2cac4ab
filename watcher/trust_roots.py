"""TrustRoots, which policies name in `trustRootRef`: what a policy-controller makes of them. Pure.

It resolves each, whatever leads to its keys (they are given, or behind TUF), into an entry of one
ConfigMap in its own namespace. There Tocsin reads them: a policy has the trust root that it has
at admission. In manifests a TrustRoot stands for its entry.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from watcher.config_maps import SIGSTORE_KEYS, ConfigMap

_FIELDS = ("keyless", "ctlog", "rfc3161timestamp")


def trust_root_names(spec: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Path of a field -> the TrustRoot that it names, of every field of a policy that names one."""
    authorities = spec.get("authorities")
    for number, authority in enumerate(authorities if isinstance(authorities, list) else ()):
        for field in _FIELDS:
            part = authority.get(field) if isinstance(authority, Mapping) else None
            name = part.get("trustRootRef") if isinstance(part, Mapping) else None
            if isinstance(name, str) and name:
                yield f"spec.authorities[{number}].{field}.trustRootRef", name


def with_all_entries(config_maps: Iterable[ConfigMap]) -> ConfigMap | None:
    """Several ConfigMaps of this name as one; the first entry of a name counts."""
    found = list(config_maps)
    if not found:
        return None
    data: dict[str, Any] = {}
    for each in reversed(found):
        data |= each.data
    return ConfigMap(SIGSTORE_KEYS, "", data)

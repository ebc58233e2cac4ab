"""What cannot be read in a cluster, by its name on the dead letters. Pure.

`pods`: a kind; `pods/NAMESPACE/UID` or `clusterimagepolicies/UID`: one object. Manifests
have other names, since their files have a suffix, and no namespace or uid holds a dot.
"""

from collections.abc import Iterable, Iterator

from watcher.cluster.kinds import CONFIG_MAPS, POLICIES, WORKLOADS, ServedKind

_PLURALS = frozenset(kind.plural for kind in (*WORKLOADS, POLICIES, CONFIG_MAPS))

WAIVERS = "ConfigMap "
"""Begins the name of a ConfigMap of waivers, `ConfigMap NAMESPACE/NAME`, with `[KEY]` for a text of it."""


def place_of(kind: ServedKind, namespace: str, uid: str) -> str:
    """The name of an object."""
    return "/".join(part for part in (kind.plural, namespace, uid) if part)


def is_of_cluster(place: str) -> bool:
    """Whether it names something of a cluster, not a file."""
    if place.startswith(WAIVERS):
        return True
    plural, *rest = place.split("/")
    depth = 1 if plural == POLICIES.plural else 2
    return plural in _PLURALS and len(rest) in (0, depth) and "." not in place


def objects_of(kind: ServedKind, namespace: str, places: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Uid and place of those that are objects of this kind and namespace; empty: of any."""
    for place in places:
        plural, *rest = place.split("/")
        if plural == kind.plural and rest and is_of_cluster(place) and namespace in ("", *rest[:-1]):
            yield rest[-1], place

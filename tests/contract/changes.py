"""Random changes of an object, for tests that compare before and after."""

import copy
import random
from collections.abc import Iterator
from typing import Any

VALUES: tuple[Any, ...] = (
    None,
    False,
    True,
    0,
    1.5,
    "",
    "x",
    "docker.io/nginx:latest",
    [],
    {},
    ["x"],
    [None],
    [{}],
    {"name": "a"},
    {"type": "Unconfined"},
)
NAMES = (
    "annotations",
    "containers",
    "ephemeralContainers",
    "hostPath",
    "hostPID",
    "image",
    "initContainers",
    "lifecycle",
    "name",
    "securityContext",
    "template",
    "type",
    "volumes",
)


def changed(value: dict[str, Any], source: random.Random) -> dict[str, Any]:
    """A copy with up to four changes: something deleted, replaced, repeated or added anywhere."""
    value = copy.deepcopy(value)
    for _ in range(source.randint(1, 4)):
        _change(value, source)
    return value


def _change(value: dict[str, Any], source: random.Random) -> None:
    places = list(_places(value))
    if not places:
        return
    holder, key = source.choice(places)
    other = source.choice(places)
    anything = copy.deepcopy(source.choice([source.choice(VALUES), other[0][other[1]]]))
    match source.randrange(4):
        case 0:
            del holder[key]
        case 1 | 2:
            holder[key] = anything
        case _ if isinstance(holder, list):
            holder.insert(key, anything)
        case _:
            holder[source.choice(NAMES)] = anything


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in an object: what holds it, and its key or index there."""
    keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from _places(value[key])

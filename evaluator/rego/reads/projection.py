"""Cuts a document down to a read set. Pure, and quick: it runs for every event and policy.

What is read stays as it is, at its place: absent stays absent, null stays null, and
a list of which elements are read keeps its length. A list or object of which only
the type is read becomes an empty one.
"""

from dataclasses import dataclass, field
from typing import Any

from evaluator.rego.reads.paths import Mode, Path, ReadSet


@dataclass(slots=True)
class Projection:
    """One place of a read set, and what is read below it."""

    deep: bool = False
    keys: bool = False
    """Every key or element stays, each cut down to what is read of any."""
    named: "dict[str, Projection]" = field(default_factory=dict)
    """Cut down to what is read of that key and of any."""
    any: "Projection | None" = None

    @classmethod
    def of(cls, reads: ReadSet) -> "Projection":
        """Compile a read set."""
        modes = dict(reads)
        return _compile([()], {path[:end] for path in modes for end in range(len(path) + 1)}, modes)

    def apply(self, value: Any) -> Any:
        """What is read of a JSON value. The value is not changed; the result shares parts with it."""
        if self.deep:
            return value
        if isinstance(value, dict):
            if self.keys:
                named, others = self.named, self.any or _SHAPE
                return {
                    name: item if type(item) in _SCALARS else named.get(name, others).apply(item)
                    for name, item in value.items()
                }
            left = {}
            for name, below in self.named.items():
                if name in value:
                    item = value[name]
                    left[name] = item if type(item) in _SCALARS else below.apply(item)
            return left
        if isinstance(value, list):
            if not self.keys:
                return []
            others = self.any or _SHAPE
            return [item if type(item) in _SCALARS else others.apply(item) for item in value]
        return value


_SCALARS = frozenset({str, int, float, bool, type(None)})
_SHAPE = Projection()


def _compile(places: list[Path], known: set[Path], modes: dict[Path, Mode]) -> Projection:
    """`places` are the paths that a value may be at: under a key, or under any."""
    found = [modes[place] for place in places if place in modes]
    if Mode.DEEP in found:
        return Projection(deep=True)
    wild = [(*place, None) for place in places if (*place, None) in known]
    names = sorted({path[-1] for path in known if path and path[:-1] in places and path[-1] is not None})
    below = {
        name: _compile(
            [*wild, *((*place, name) for place in places if (*place, name) in known)], known, modes
        )
        for name in names
    }
    return Projection(
        keys=bool(wild) or Mode.KEYS in found,
        named=below,
        any=_compile(wild, known, modes) if wild else None,
    )

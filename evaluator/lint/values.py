"""What an expression can be, as far as it can be told without running it. Pure.

A value is a tuple of alternatives. `Unknown` among them means: or anything else; a
rule that claims something must find all alternatives to agree. What is built of
other values compares by identity, so that nothing here grows with its depth.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from evaluator.lint.document import ITEM, ONE, Path
from evaluator.lint.syntax import ScalarKind

_MOST = 24
"""Alternatives that are told apart; beyond that the value is unknown."""
_DEEPEST = 4
"""Collections inside each other that are looked into."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """Anything."""


@dataclass(frozen=True, slots=True)
class At:
    """What stands at a path of the input document."""

    path: Path


@dataclass(frozen=True, slots=True)
class Known:
    """A value of a type; `text` is the constant, None where only the type is known."""

    kind: ScalarKind
    text: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Many:
    """A collection whose members are known alike."""

    members: "Value"
    depth: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class Fields:
    """An object written out."""

    values: Mapping[str, "Value"] = field(default_factory=dict)
    depth: int = 1


Alternative = Unknown | At | Known | Many | Fields
Value = tuple[Alternative, ...]

UNKNOWN: Value = (Unknown(),)


def union(values: Iterable[Value]) -> Value:
    """One of these values."""
    found: dict[object, Alternative] = {}
    for value in values:
        for alternative in value:
            plain = isinstance(alternative, Unknown | At | Known)
            found[alternative if plain else id(alternative)] = alternative
    if not found or len(found) > _MOST:
        return UNKNOWN
    return tuple(found.values())


def many(members: Value) -> Value:
    """A collection of such members."""
    depth = 1 + _depth(members)
    return (Many(members, depth),) if depth <= _DEEPEST else UNKNOWN


def fields(values: Mapping[str, Value]) -> Value:
    """An object with these members."""
    depth = 1 + max(map(_depth, values.values()), default=0)
    return (Fields(values, depth),) if depth <= _DEEPEST else UNKNOWN


def step_into(value: Value, key: Value) -> Value:
    """What `value[key]` is."""
    return union(_one_step(alternative, key) for alternative in value)


def members(value: Value) -> Value:
    """What `value[_]` is, and `x` of `some x in value`."""
    return step_into(value, UNKNOWN)


def strings(value: Value) -> list[str] | None:
    """The strings it can be; None where it can be anything else."""
    found = [
        each.text
        for each in value
        if isinstance(each, Known) and each.kind is ScalarKind.STRING and each.text is not None
    ]
    return found if len(found) == len(value) else None


def _one_step(alternative: Alternative, key: Value) -> Value:
    match alternative:
        case At(path):
            return tuple(At((*path, step)) for step in _steps(key))
        case Many(inside):
            return inside
        case Fields(values):
            names = strings(key)
            if names is None:
                return union(values.values())
            return union(values.get(name, UNKNOWN) for name in names)
        case _:
            return UNKNOWN


def _steps(key: Value) -> list[str]:
    names = strings(key)
    if names is not None:
        return names
    if all(isinstance(each, Known) and each.kind is ScalarKind.NUMBER for each in key):
        return [ONE]
    return [ITEM]


def _depth(value: Value) -> int:
    return max((each.depth for each in value if isinstance(each, Many | Fields)), default=0)

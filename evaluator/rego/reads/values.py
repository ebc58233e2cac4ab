"""What an expression may be, as far as it is part of the input document. Pure.

An over-approximation: a value is one of these. What a policy makes itself of parts
of the document keeps track of them, as long as nobody looks at them; what has been
looked at (compared, put in a set, given to a built-in) is `opaque`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import reduce

from evaluator.rego.reads.paths import Path


@dataclass(frozen=True, slots=True)
class Value:
    """`aliases`: parts of the document it may be. `strings`: constants it may be.

    `fields` and `rest`: what may be inside, where the policy built it: under a
    constant key, and anywhere else. `opaque`: it may be anything that is already read.
    """

    aliases: frozenset[Path] = frozenset()
    strings: frozenset[str] = frozenset()
    opaque: bool = False
    fields: Mapping[str, "Value"] = field(default_factory=dict, hash=False)
    rest: "Value | None" = None

    @property
    def names(self) -> frozenset[str] | None:
        """The strings it is one of; None where it may be something else."""
        known = not (self.opaque or self.aliases or self.fields or self.rest)
        return self.strings if known and self.strings else None

    def inside(self) -> Iterator["Value"]:
        """Everything that may be in it, where the policy built it."""
        yield from self.fields.values()
        if self.rest is not None:
            yield self.rest


NOTHING = Value()
OPAQUE = Value(opaque=True)


def constant(text: str) -> Value:
    """A string of the policy's text."""
    return Value(strings=frozenset({text}))


def part(path: Path) -> Value:
    """A part of the document."""
    return Value(aliases=frozenset({path}))


def built(fields: Mapping[str, Value], rest: Value | None) -> Value:
    """A list or object that the policy makes."""
    return Value(fields=fields, rest=rest)


def join(*values: Value) -> Value:
    """One of several."""
    return reduce(_join, values, NOTHING)


def _join(left: Value, right: Value) -> Value:
    if left in (NOTHING, right):
        return right
    if right == NOTHING:
        return left
    return Value(
        aliases=left.aliases | right.aliases,
        strings=left.strings | right.strings,
        opaque=left.opaque or right.opaque,
        fields={
            name: join(left.fields.get(name, NOTHING), right.fields.get(name, NOTHING))
            for name in {**left.fields, **right.fields}
        },
        rest=right.rest
        if left.rest is None
        else left.rest
        if right.rest is None
        else _join(left.rest, right.rest),
    )

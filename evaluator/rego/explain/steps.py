"""What an explanation is made of: which rule bodies held, which expression did not, what it saw."""

from enum import StrEnum

import msgspec


class State(StrEnum):
    """What became of one body of a rule."""

    HELD = "held"
    """Every expression held."""
    FAILED = "failed"
    """An expression was false or undefined."""
    DEFAULT = "default"
    """No body held, so that the rule has its default."""
    UNKNOWN = "unknown"
    """It could not be taken apart; `reason` says why."""


class Seen(msgspec.Struct, array_like=True, frozen=True):
    """A part of an expression and the values it had.

    `values`: JSON texts, long ones cut; none where it is undefined, then
    `missing` is the shortest part of it that is undefined already. `line`: of a
    variable, where it got its value; 0 for everything else.
    """

    expression: str
    values: tuple[str, ...] = ()
    missing: str = ""
    line: int = 0


class Step(msgspec.Struct, array_like=True, frozen=True):
    """One body of one rule. Lines are of the policy's text, from 1.

    `depth` 0 is `isCompliant` itself; a step below explains a rule that the one
    above it looks at. `expression`: the one that did not hold, or the value that a
    body gave; `gave`: those values, as JSON texts.
    """

    depth: int
    rule: str
    line: int
    state: State
    expression: str = ""
    expression_line: int = 0
    seen: tuple[Seen, ...] = ()
    gave: tuple[str, ...] = ()
    reason: str = ""

"""Rego's syntax tree as far as the linter asks: rules, bodies, expressions, each with its place.

Source: OPA's documentation, "Policy Reference: Grammar". v0 and v1 have one tree.
"""

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Place:
    """Where something starts (line and column from 1, offset from 0) and the offset after it."""

    line: int
    column: int
    start: int
    end: int


class ScalarKind(StrEnum):
    """Types of constants; the words are those of messages."""

    STRING = "string"
    NUMBER = "number"
    BOOLEAN = "boolean"
    NULL = "null"


@dataclass(frozen=True, slots=True)
class Scalar:
    """A constant. `text` is the string's value, or the constant as written."""

    place: Place
    kind: ScalarKind
    text: str


@dataclass(frozen=True, slots=True)
class Var:
    """A name; each `_` is another variable."""

    place: Place
    name: str


@dataclass(frozen=True, slots=True)
class Step:
    """`.name` (then `key` is a string) or `[key]`."""

    place: Place
    key: "Expr"
    dotted: bool


@dataclass(frozen=True, slots=True)
class Ref:
    """Something with steps after it."""

    place: Place
    head: "Expr"
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """A call; `name` is dotted."""

    place: Place
    name: str
    args: tuple["Expr", ...]


class Brackets(StrEnum):
    """What a literal or a comprehension makes."""

    ARRAY = "array"
    SET = "set"
    OBJECT = "object"


@dataclass(frozen=True, slots=True)
class Collection:
    """An array or a set, written out."""

    place: Place
    kind: Brackets
    items: tuple["Expr", ...]


@dataclass(frozen=True, slots=True)
class Object:
    """An object, written out."""

    place: Place
    pairs: tuple[tuple["Expr", "Expr"], ...]


@dataclass(frozen=True, slots=True)
class Comprehension:
    """`head` is one expression, or the key and the value of an object."""

    place: Place
    kind: Brackets
    head: tuple["Expr", ...]
    body: "Body"


@dataclass(frozen=True, slots=True)
class Binary:
    """Two expressions and an operator, `:=`, `=` and `in` among them."""

    place: Place
    operator: str
    left: "Expr"
    right: "Expr"
    at: Place
    """Of the operator."""


Expr = Scalar | Var | Ref | Call | Collection | Object | Comprehension | Binary


@dataclass(frozen=True, slots=True)
class Condition:
    """An expression that has to hold."""

    place: Place
    expr: Expr
    modifiers: tuple[Expr, ...] = ()
    """Targets and values of `with`."""


@dataclass(frozen=True, slots=True)
class Negation:
    """`not` before a statement."""

    place: Place
    inner: "Statement"


@dataclass(frozen=True, slots=True)
class Some:
    """`some a, b`."""

    place: Place
    names: tuple[Var, ...]


@dataclass(frozen=True, slots=True)
class SomeIn:
    """`some key, value in domain`; `key` may be None."""

    place: Place
    key: Expr | None
    value: Expr
    domain: Expr


@dataclass(frozen=True, slots=True)
class Every:
    """`every key, value in domain { body }`; `key` may be None."""

    place: Place
    key: Var | None
    value: Var
    domain: Expr
    body: "Body"


Statement = Condition | Negation | Some | SomeIn | Every


@dataclass(frozen=True, slots=True)
class Body:
    """Statements that all have to hold."""

    place: Place
    statements: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class Clause:
    """One way to a rule's value: the first is the rule's own, the others are its `else`s."""

    value: Expr | None
    body: Body | None


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule. `key`: member of a partial set, or key of a partial object."""

    place: Place
    name: str
    clauses: tuple[Clause, ...]
    default: bool = False
    args: tuple[Expr, ...] | None = None
    key: Expr | None = None
    partial_set: bool = False

    @property
    def is_function(self) -> bool:
        """Whether it takes arguments."""
        return self.args is not None


@dataclass(frozen=True, slots=True)
class Import:
    """`import path as alias`."""

    place: Place
    path: tuple[str, ...]
    alias: str


@dataclass(frozen=True, slots=True)
class SyntaxProblem:
    """A stretch of text that is no Rego, or none that the parser knows."""

    place: Place
    message: str


@dataclass(frozen=True, slots=True)
class Module:
    """A policy's text, as far as it could be read."""

    text: str
    package: tuple[str, ...]
    package_place: Place
    imports: tuple[Import, ...]
    rules: tuple[Rule, ...]
    problems: tuple[SyntaxProblem, ...]

"""A policy taken apart: rules, their bodies, the expressions of each, as text with its place. Pure.

From the syntax tree of regorus (0.13), whose spans are byte offsets that leave out
the quotes of a string at either end, and all but the last field of an object.
"""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from evaluator.rego.tokens import Kind, Token, tokenize

_SCOPES = ("ArrayCompr", "SetCompr", "ObjectCompr", "Every")
"""Nodes with variables of their own."""
_NO_LOCALS = frozenset({"input", "data", "_"})


class RuleKind(StrEnum):
    """What a rule defines."""

    COMPLETE = "complete"
    SET = "set"
    OBJECT = "object"
    FUNCTION = "function"


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of the text. `prefixes`: of a reference, what it starts with, the shortest first."""

    text: str
    line: int
    prefixes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Statement:
    """One expression of a body. `declared` (`some x`) has to stand before it."""

    piece: Piece
    declared: str
    binds: frozenset[str]
    """Variables that have a value where it holds."""
    looks_at: tuple[Piece, ...]
    """Parts of it that have a value: references, variables, calls, comprehensions."""
    rules: tuple[str, ...]
    """Rules of the policy that it refers to."""

    @property
    def source(self) -> str:
        """As it can stand in another body."""
        return f"{self.declared}{self.piece.text}"


@dataclass(frozen=True, slots=True)
class Body:
    """One body. `value`: what it gives: a set's member, an object's value; None means true."""

    line: int
    statements: tuple[Statement, ...]
    value: Piece | None
    is_else: bool
    rules: tuple[str, ...]
    """Rules of the policy that its value refers to."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One definition of a rule; several may have one name."""

    name: str
    kind: RuleKind
    bodies: tuple[Body, ...]


@dataclass(frozen=True, slots=True)
class Outline:
    """A policy. `header`: its package and imports. `defaults`: rule -> its default."""

    header: str
    rules: tuple[Rule, ...]
    defaults: dict[str, Piece]

    def named(self, name: str) -> Iterator[Rule]:
        """The definitions of a rule, in the order of the text."""
        return (rule for rule in self.rules if rule.name == name)


def names(text: str) -> frozenset[str]:
    """Every name in a text, whatever it stands for."""
    return frozenset(token.text for token in tokenize(text) if token.kind is Kind.NAME)


def outline(text: str, tree: dict[str, Any]) -> Outline:
    """Take a policy apart. `tree`: the `ast` of it."""
    return _Reader(text, tree).read()


class _Reader:
    def __init__(self, text: str, tree: dict[str, Any]) -> None:
        self._bytes = text.encode()
        self._tree = tree
        # one character a byte, so that the tokens' offsets are those of the spans
        tokens = list(tokenize(self._bytes.decode("latin-1")))
        strings = [token for token in tokens if token.kind is Kind.STRING]
        self._opening = {token.start + 1: token.start for token in strings}
        self._closing = {token.end - 1: token.end for token in strings}
        self._pairs = list(_pairs(tokens))
        self._line_starts = [0] + [at + 1 for at, byte in enumerate(self._bytes) if byte == ord("\n")]
        self._rules = {_base(_head_of(rule)) for rule in tree["rules"]}
        self._foreign = _NO_LOCALS | self._rules | set(self._import_names())

    def read(self) -> Outline:
        imports = [f"{self._piece(item['span']).text}\n" for item in self._tree["imports"]]
        rules = [self._rule(rule["Spec"]) for rule in self._tree["rules"] if "Spec" in rule]
        defaults = [rule["Default"] for rule in self._tree["rules"] if "Default" in rule]
        return Outline(
            header=f"{self._piece(self._tree['package']['span']).text}\n{''.join(imports)}",
            rules=tuple(rules),
            defaults={_base(item["refr"]): self._piece(item["span"]) for item in defaults},
        )

    def _import_names(self) -> Iterator[str]:
        for item in self._tree["imports"]:
            alias = item.get("as")
            last = self._slice(alias) if alias else self._piece(item["span"]).text.rpartition(".")[2]
            yield last.strip()

    def _slice(self, span: dict[str, int]) -> str:
        return self._bytes[span["start"] : span["end"]].decode(errors="replace")

    def _piece(self, span: dict[str, int], prefixes: tuple[str, ...] = ()) -> Piece:
        start = self._opening.get(span["start"], span["start"])
        end = self._closing.get(span["end"], span["end"])
        # the span of an object begins with its last field
        start = min([start, *(opened for opened, closed in self._pairs if start <= closed < end)])
        text = self._bytes[start:end].decode(errors="replace")
        return Piece(text, bisect_right(self._line_starts, start), prefixes)

    def _rule(self, spec: dict[str, Any]) -> Rule:
        ((head_kind, head),) = spec["head"].items()
        assign = head.get("assign")
        value = head.get("key") or (assign["value"] if assign else None)
        kind = _kind(head_kind, head)
        line = self._piece(spec["span"]).line
        bodies = [self._body(body, value, line) for body in spec["bodies"]]
        if not bodies:
            bodies = [Body(line, (), self._expression(value), False, tuple(self._references(value)))]
        return Rule(_base(head["refr"]), kind, tuple(bodies))

    def _body(self, body: dict[str, Any], value: Any, line: int) -> Body:
        if body.get("assign"):
            value = body["assign"]["value"]
        if body["is_else"]:
            line = self._piece(body["span"]).line
        statements = tuple(self._statements(body["query"]["stmts"]))
        rules = tuple(self._references(value))
        return Body(line, statements, self._expression(value), body["is_else"], rules)

    def _statements(self, nodes: list[dict[str, Any]]) -> Iterator[Statement]:
        declared = ""
        for node in nodes:
            ((kind, literal),) = node["literal"].items()
            piece = self._piece(node["span"])
            if kind == "SomeVars":
                declared += f"{piece.text}\n"
                continue
            yield Statement(
                piece=piece,
                declared=declared,
                binds=frozenset() if kind == "NotExpr" else frozenset(self._locals(literal)),
                looks_at=() if node.get("with_mods") else self._parts(kind, literal),
                rules=tuple(dict.fromkeys(self._references(literal))),
            )
            declared = ""

    def _parts(self, kind: str, literal: dict[str, Any]) -> tuple[Piece, ...]:
        """What is worth showing of an expression, each text once."""
        match kind:
            case "SomeIn":
                roots = [literal["collection"]]
            case "Every":
                roots = [literal["domain"]]
            case _:
                roots = list(_children(literal["expr"])) if "Call" in literal["expr"] else [literal["expr"]]
        pieces = [piece for root in roots for piece in self._looks_at(root)]
        return tuple({piece.text: piece for piece in pieces}.values())

    def _looks_at(self, node: Any) -> Iterator[Piece]:
        ((kind, inner),) = node.items()
        match kind:
            case "RefDot" | "RefBrack" | "Var":
                if inner.get("value") != "_":
                    yield self._reference(node)
                    for index in _indices(node):
                        yield from self._looks_at(index)
            case "ArrayCompr" | "SetCompr" | "ObjectCompr":
                yield self._piece(inner["span"])
            case "AssignExpr":
                yield from self._looks_at(inner["rhs"])
                if inner["op"] == "Eq":
                    yield from self._looks_at(inner["lhs"])
            case _:
                if kind == "Call":
                    yield self._piece(inner["span"])
                for child in _children(node):
                    yield from self._looks_at(child)

    def _reference(self, node: dict[str, Any]) -> Piece:
        prefixes: list[str] = []
        inner = node
        while "Var" not in inner:
            ((kind, part),) = inner.items()
            if kind not in ("RefDot", "RefBrack"):
                break
            inner = part["refr"]
            prefixes.append(self._piece(_span(inner)).text)
        return self._piece(_span(node), tuple(reversed(prefixes)))

    def _expression(self, value: Any) -> Piece | None:
        return self._piece(_span(value)) if value else None

    def _locals(self, node: Any) -> Iterator[str]:
        """Variables that a statement needs or gives; not those of comprehensions inside it."""
        if isinstance(node, list):
            for item in node:
                yield from self._locals(item)
        elif isinstance(node, dict):
            if "Var" in node and node["Var"]["value"] not in self._foreign:
                yield str(node["Var"]["value"])
            for kind, inner in node.items():
                if kind == "Every":
                    yield from self._locals(inner["domain"])
                elif kind == "Call":
                    yield from self._locals(inner["params"])
                elif kind not in _SCOPES:
                    yield from self._locals(inner)

    def _references(self, node: Any) -> Iterator[str]:
        """Rules that a part of the tree refers to."""
        if isinstance(node, list):
            for item in node:
                yield from self._references(item)
        elif isinstance(node, dict):
            if "Var" in node and node["Var"]["value"] in self._rules:
                yield str(node["Var"]["value"])
            for inner in node.values():
                yield from self._references(inner)


def _pairs(tokens: list[Token]) -> Iterator[tuple[int, int]]:
    """Where each bracket opens and closes."""
    opened: list[int] = []
    for token in tokens:
        if token.kind is Kind.OPEN:
            opened.append(token.start)
        elif token.kind is Kind.CLOSE and opened:
            yield opened.pop(), token.start


def _kind(head_kind: str, head: dict[str, Any]) -> RuleKind:
    if head_kind == "Func":
        return RuleKind.FUNCTION
    if head_kind == "Set":
        return RuleKind.SET
    return RuleKind.OBJECT if "RefBrack" in head["refr"] else RuleKind.COMPLETE


def _head_of(rule: dict[str, Any]) -> Any:
    if "Default" in rule:
        return rule["Default"]["refr"]
    ((_, head),) = rule["Spec"]["head"].items()
    return head["refr"]


def _base(node: dict[str, Any]) -> str:
    """First name of a reference."""
    while "Var" not in node:
        ((_, inner),) = node.items()
        node = inner["refr"]
    return str(node["Var"]["value"])


def _indices(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What stands in the brackets of a reference."""
    while "Var" not in node:
        ((kind, inner),) = node.items()
        if kind == "RefBrack":
            yield inner["index"]
        if "refr" not in inner:
            return
        node = inner["refr"]


def _span(node: dict[str, Any]) -> dict[str, int]:
    ((_, inner),) = node.items()
    span: dict[str, int] = inner["span"]
    return span


def _children(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Expressions directly inside one; the name of a called function is none."""
    ((_, inner),) = node.items()
    stack = [value for name, value in inner.items() if name not in ("fcn", "span")]
    while stack:
        value = stack.pop(0)
        if isinstance(value, list):
            stack[:0] = value
        elif _is_expression(value):
            yield value


def _is_expression(value: Any) -> bool:
    """A type and what it holds; not a place, nor a name."""
    if not isinstance(value, dict) or len(value) != 1:
        return False
    (inner,) = value.values()
    return isinstance(inner, dict) and "span" in inner

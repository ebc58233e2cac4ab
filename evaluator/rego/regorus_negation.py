"""What OPA does to a negated expression, done to the text before regorus reads it. Pure.

OPA evaluates the arguments of a negated call before the negation (`ast/compile.go`:
rewriteExprTerms, rewriteDynamicTerms): `not startswith(c.image, "x")` is
`v := c.image; not startswith(v, "x")`, undefined where `c.image` is. regorus
evaluates them inside, and says true: a pass that OPA would not give. Refused by
OPA, and so here: a name that only a negated expression mentions.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from evaluator.rego.engine import CompileError, RefusalError
from evaluator.rego.regorus_ast import kind_of, module_names, nodes

_NAME = "tocsin_"
_CLOSURES = frozenset({"ArrayCompr", "SetCompr", "ObjectCompr"})
_CALLS = frozenset({"Call", "ArithExpr", "BinExpr", "Membership"})
_CONSTANTS = frozenset({"String", "RawString", "Number", "Bool", "Null", "Var"})
_STRINGS = frozenset({"String", "RawString"})
_UNIFIED = frozenset({"Eq"})
"""Comparisons that OPA unifies: their sides stay where they are, the calls in them do not."""


_WITHOUT_BRACES = re.compile(rb"(?<![\w.])if[ \t\r\n]+\Z")


@dataclass(frozen=True, slots=True)
class _Edit:
    start: int
    end: int
    text: bytes


def hoist(text: str, module: dict[str, Any], turn: int) -> str:
    """The text with the arguments of innermost negated expressions evaluated before them.

    To be called with the result again (and its syntax tree, and the next `turn`),
    until nothing is left to do and the text comes back as it was.
    """
    source = text.encode()
    known = module_names(module, source)
    edits: list[_Edit] = []
    for rule in module["rules"]:
        for query, bound in _queries(rule, source):
            for statement in query["stmts"]:
                negated = statement["literal"].get("NotExpr")
                if negated is not None:
                    _check_safe(negated["expr"], bound | known)
                    edits += _edits(source, statement, negated, f"{_NAME}{turn}_{len(edits)}")
    if edits and not turn and _NAME in text:
        raise RefusalError(f"names that begin with {_NAME} are taken on this engine")
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.end), reverse=True):
        source = source[: edit.start] + edit.text + source[edit.end :]
    return source.decode()


def _edits(source: bytes, statement: dict[str, Any], negated: dict[str, Any], prefix: str) -> Iterator[_Edit]:
    arguments = list(_arguments(negated["expr"]))
    if not arguments or _holds_more(negated["expr"]):
        return
    if statement.get("with_mods"):
        raise RefusalError(
            f"line {statement['span']['line']}: this engine cannot evaluate the arguments of this `not` first"
        )
    begin = statement["span"]["start"]
    before = b""
    for place, argument in enumerate(arguments):
        start, end = _extent(source, argument)
        name = f"{prefix}_{place}".encode()
        before += name + b" := " + b" ".join(source[start:end].split(b"\n")) + b"; "
        yield _Edit(start, end, name)
    if _WITHOUT_BRACES.search(source[:begin]):  # one expression was all there could be
        yield _Edit(begin, begin, b"{ " + before)
        close = max(statement["span"]["end"], _extent(source, negated["expr"])[1])
        yield _Edit(close, close, b" }")
    else:
        yield _Edit(begin, begin, before)


def _arguments(expression: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What OPA evaluates before the negation, outermost parts only."""
    kind, inner = kind_of(expression)
    match kind:
        case "Call":
            operands = inner["params"]
        case "BoolExpr" | "AssignExpr" if inner["op"] in _UNIFIED:
            yield from _calls_in(inner["lhs"])
            yield from _calls_in(inner["rhs"])
            return
        case "BoolExpr" | "ArithExpr" | "BinExpr":
            operands = [inner["lhs"], inner["rhs"]]
        case "Membership":
            operands = [part for part in (inner["key"], inner["value"], inner["collection"]) if part]
        case _:
            yield from _calls_in(expression, brackets=True)
            return
    for operand in operands:
        if kind_of(operand)[0] not in _CONSTANTS | _CLOSURES:
            yield operand


def _calls_in(node: Any, *, brackets: bool = True) -> Iterator[dict[str, Any]]:
    """Outermost calls of an expression, and references in the brackets of another."""
    if isinstance(node, list):
        for item in node:
            yield from _calls_in(item)
    elif isinstance(node, dict) and len(node) == 1:
        kind, inner = kind_of(node)
        if kind in _CALLS or (kind == "BoolExpr"):
            yield node
        elif kind == "RefBrack" and brackets:
            index = inner["index"]
            if kind_of(index)[0] in {"RefBrack", "RefDot"}:
                yield index
            else:
                yield from _calls_in(index)
            yield from _calls_in(inner["refr"])
        elif kind not in _CLOSURES and isinstance(inner, dict):
            yield from _calls_in([value for value in inner.values() if isinstance(value, dict | list)])


def _holds_more(expression: Any) -> bool:
    """Whether there is a negated expression inside that has to be seen to first."""
    return any("NotExpr" in node and any(_arguments(node["NotExpr"]["expr"])) for node in nodes(expression))


def _extent(source: bytes, node: dict[str, Any]) -> tuple[int, int]:
    """Where an expression is in the text; regorus leaves out the quotes at its ends."""
    span = kind_of(node)[1]["span"]
    start, end = span["start"], span["end"]
    if source[start - 1 : start] in {b'"', b"`"} and _edge(node, first=True) in _STRINGS:
        start -= 1
    if source[end : end + 1] in {b'"', b"`"} and _edge(node, first=False) in _STRINGS:
        end += 1
    return start, end


def _edge(node: dict[str, Any], *, first: bool) -> str:
    """Kind of the leaf at an end of an infix expression."""
    kind, inner = kind_of(node)
    while kind in {"BoolExpr", "ArithExpr", "BinExpr", "Membership"}:
        if kind == "Membership":
            node = (inner["key"] or inner["value"]) if first else inner["collection"]
        else:
            node = inner["lhs"] if first else inner["rhs"]
        kind, inner = kind_of(node)
    return kind


def _check_safe(expression: dict[str, Any], bound: frozenset[str]) -> None:
    """Raise for a variable that nothing outside the negation binds, as OPA does (rego_unsafe_var_error)."""
    kind, inner = kind_of(expression)
    if kind == "AssignExpr" and inner["op"] == "ColEq":
        raise CompileError("a negated expression assigns a name", inner["span"]["line"], inner["span"]["col"])
    for variable in _free(expression, outermost=True):
        name = str(variable["value"])
        if name == "_" or name not in bound:
            raise CompileError(
                f"var {name} is unsafe: only a negated expression mentions it",
                variable["span"]["line"],
                variable["span"]["col"],
            )


def _free(node: Any, *, outermost: bool = False) -> Iterator[dict[str, Any]]:
    """Variables of an expression outside the calls within it, which OPA evaluates first."""
    if isinstance(node, list):
        for item in node:
            yield from _free(item)
    elif isinstance(node, dict):
        for kind, inner in node.items():
            if kind == "Var":
                yield inner
            elif kind in _CLOSURES or (kind in _CALLS and not outermost):
                continue
            elif kind == "Call":
                yield from _free(inner["params"])
            elif isinstance(inner, dict | list):
                yield from _free(inner)


def _queries(rule: dict[str, Any], source: bytes) -> Iterator[tuple[dict[str, Any], frozenset[str]]]:
    """Every query of a rule with the names that may be bound in it."""
    spec = rule.get("Spec")
    if spec is None:
        return
    ((_, head),) = spec["head"].items()
    outer = frozenset(_patterns(head.get("args")))
    roots = [head, spec["bodies"]]
    stack: list[tuple[Any, frozenset[str]]] = [(root, outer) for root in roots]
    while stack:
        node, bound = stack.pop()
        if isinstance(node, list):
            stack += [(item, bound) for item in node]
        elif isinstance(node, dict):
            if "stmts" in node:
                bound = bound | frozenset(_bindings(node))
                yield node, bound
            if "Every" in node:
                every = node["Every"]
                parts = [part for part in (every["key"], every["value"]) if part]
                names = {source[part["start"] : part["end"]].decode() for part in parts}
                stack += [(every["domain"], bound), (every["query"], bound | names)]
            else:
                stack += [(value, bound) for value in node.values()]


def _bindings(query: dict[str, Any]) -> Iterator[str]:
    """Names that the positive expressions of a query may bind."""
    for statement in query["stmts"]:
        literal = statement["literal"]
        if "NotExpr" in literal:
            yield from (name for call in _arguments(literal["NotExpr"]["expr"]) for name in _patterns(call))
        elif "SomeIn" in literal:
            some = literal["SomeIn"]
            yield from _patterns([some["key"], some["value"]])
            yield from _bound_by(some["collection"])
        else:
            yield from _bound_by(literal)


def _bound_by(node: Any) -> Iterator[str]:
    for item in nodes(node):
        for kind, inner in item.items():
            if kind == "AssignExpr":
                yield from _patterns([inner["lhs"], inner["rhs"]])
            elif kind == "RefBrack":
                yield from _patterns(inner["index"])
            elif kind == "Call":
                yield from _patterns(inner["params"])
            elif kind == "Membership":
                yield from _patterns([inner["key"], inner["value"]])


def _patterns(node: Any) -> Iterator[str]:
    """Variables of a pattern: a name, or names in arrays and objects and brackets."""
    for item in nodes(node):
        variable = item.get("Var")
        if isinstance(variable, dict):
            yield str(variable["value"])

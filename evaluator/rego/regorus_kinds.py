"""OPA's type errors and unused declarations, found in regorus's syntax tree. Pure.

regorus runs such a policy, and finds its comparison false; OPA does not compile it.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from evaluator.rego import kinds
from evaluator.rego.engine import CompileError
from evaluator.rego.kinds import ANY, Kind
from evaluator.rego.regorus_ast import dotted, kind_of, nodes

_LITERALS = {
    "String": "string", "RawString": "string", "Number": "number", "Bool": "boolean", "Null": "null",
}  # fmt: skip
_COMPREHENSIONS = {"ArrayCompr": "array", "SetCompr": "set", "ObjectCompr": "object"}
_Names = Mapping[str, Kind]


def check_kinds(module: dict[str, Any], source: bytes) -> None:
    """Raise CompileError where kinds cannot meet, or where a declared name is not used."""
    checker = _Checker(source)
    for rule in module["rules"]:
        spec = rule.get("Spec")
        if spec is None:
            continue
        ((_, head),) = spec["head"].items()
        for body in spec["bodies"]:
            names = checker.query(body["query"], {})
            checker.each((head.get("key"), head.get("assign"), body.get("assign")), names)
        if not spec["bodies"]:
            checker.each((head.get("key"), head.get("assign")), {})


class _Checker:
    def __init__(self, source: bytes) -> None:
        self._source = source

    def query(self, query: dict[str, Any], outer: _Names) -> _Names:
        """Check a query; returns what is known of its names."""
        names = dict(outer)
        for statement in query["stmts"]:
            names.update(self._bound(statement["literal"], names))
        for statement in query["stmts"]:
            self._literal(statement["literal"], names)
        return names

    def each(self, trees: tuple[Any, ...], names: _Names) -> None:
        """Check every expression of some trees."""
        for tree in trees:
            if isinstance(tree, dict):
                inner = tree.get("value") if "op" in tree and "value" in tree else tree
                if isinstance(inner, dict) and len(inner) == 1:
                    self.kind(inner, names)

    def _bound(self, literal: dict[str, Any], names: _Names) -> Iterator[tuple[str, Kind]]:
        kind, inner = kind_of(literal)
        if kind == "Expr" and "AssignExpr" in inner["expr"]:
            assigned = inner["expr"]["AssignExpr"]
            variable = assigned["lhs"].get("Var")
            if variable and (assigned["op"] == "ColEq" or variable["value"] not in names):
                yield variable["value"], self.kind(assigned["rhs"], names, quiet=True)
        elif kind == "SomeIn" and "Var" in inner["value"]:
            yield inner["value"]["Var"]["value"], self.kind(inner["collection"], names, quiet=True).inside()

    def _literal(self, literal: dict[str, Any], names: _Names) -> None:
        kind, inner = kind_of(literal)
        match kind:
            case "Expr" | "NotExpr":
                self._statement(inner["expr"], names)
            case "SomeIn":
                self.kind(inner["collection"], names)
            case "Every":
                self.kind(inner["domain"], names)  # OPA checks no kinds inside `every`
                for name in [self._text(part) for part in (inner["key"], inner["value"]) if part]:
                    if name != "_" and not _mentions(inner["query"], name):
                        raise _error(f"declared var {name} unused", inner["span"])

    def _statement(self, node: dict[str, Any], names: _Names) -> None:
        """An expression on its own: its sides are unified, and a call may name its result."""
        kind, inner = kind_of(node)
        if kind in {"BoolExpr", "AssignExpr"} and inner["op"] == "Eq":
            left, right = self._kind(inner["lhs"], names), self._kind(inner["rhs"], names)
            if not left.meets(right):
                raise _error("match error: the two sides are never equal", inner["span"])
        elif kind == "Call":
            self._call(inner, names, more=1)
        else:
            self._kind(node, names)

    def kind(self, node: dict[str, Any], names: _Names, *, quiet: bool = False) -> Kind:
        """What an expression may be. `quiet`: without checking it."""
        try:
            return self._kind(node, names)
        except CompileError:
            if quiet:
                return ANY
            raise

    def _kind(self, node: dict[str, Any], names: _Names) -> Kind:
        kind, inner = kind_of(node)
        if kind in _LITERALS:
            return kinds.of(_LITERALS[kind])
        match kind:
            case "Var":
                found = names.get(inner["value"], ANY)
            case "Array" | "Set" | "Object" | "ArrayCompr" | "SetCompr" | "ObjectCompr":
                found = self._collection(kind, inner, names)
            case "Call":
                found = self._call(inner, names)
            case "ArithExpr" | "BinExpr":
                found = self._infix(kind, inner, names)
            case "BoolExpr" | "AssignExpr" | "Membership":
                found = self._condition(kind, inner, names)
            case "RefDot" | "RefBrack":
                found = self._reference(kind, inner, names)
            case _:
                found = ANY
        return found

    def _collection(self, kind: str, inner: dict[str, Any], names: _Names) -> Kind:
        if kind in _COMPREHENSIONS:
            own = self.query(inner["query"], names)
            return Kind(
                frozenset({_COMPREHENSIONS[kind]}), self._kind(inner.get("term") or inner["value"], own)
            )
        values = [field[2] for field in inner["fields"]] if kind == "Object" else inner["items"]
        members = [self._kind(value, names) for value in values]
        return Kind(frozenset({kind.lower()}), kinds.join(members) if members else None)

    def _condition(self, kind: str, inner: dict[str, Any], names: _Names) -> Kind:
        if kind == "Membership":
            wanted = self._kind(inner["value"], names)
            if not wanted.meets(self._kind(inner["collection"], names).inside()):
                raise _error("match error: is never a member", inner["span"])
        else:
            self._kind(inner["lhs"], names)
            self._kind(inner["rhs"], names)
        return kinds.of("boolean")

    def _call(self, call: dict[str, Any], names: _Names, *, more: int = 0) -> Kind:
        given = [self._kind(argument, names) for argument in call["params"]]
        found = kinds.signature(dotted(call["fcn"]))
        if found is None:
            return ANY
        wanted, result = found
        if wanted and len(given) > len(wanted) + more:
            raise _error(f"{dotted(call['fcn'])}: too many arguments", call["span"])
        for one, other in zip(given, wanted, strict=False):
            if not one.meets(other):
                raise _error(f"{dotted(call['fcn'])}: invalid argument", call["span"])
        return result

    def _infix(self, kind: str, inner: dict[str, Any], names: _Names) -> Kind:
        allowed = ["number"] if kind == "ArithExpr" else ["set"]
        if inner["op"] == "Sub":
            allowed.append("set")
        for side in ("lhs", "rhs"):
            if not self._kind(inner[side], names).meets(kinds.of(*allowed)):
                raise _error("invalid argument of an operator", inner["span"])
        return kinds.of(*allowed)

    def _reference(self, kind: str, inner: dict[str, Any], names: _Names) -> Kind:
        base = self._kind(inner["refr"], names)
        if not base.holds:
            raise _error("undefined ref: looks into what has no members", inner["span"])
        if kind == "RefDot":
            if base.kinds == frozenset({"array"}):
                raise _error("undefined ref: an array has no names", inner["span"])
            return ANY
        self._kind(inner["index"], names)
        return base.inside() if base.kinds else ANY

    def _text(self, span: dict[str, Any]) -> str:
        return self._source[span["start"] : span["end"]].decode()


def _mentions(tree: Any, name: str) -> bool:
    return any(isinstance(node.get("Var"), dict) and node["Var"]["value"] == name for node in nodes(tree))


def _error(message: str, span: dict[str, Any]) -> CompileError:
    return CompileError(message, span["line"], span["col"])

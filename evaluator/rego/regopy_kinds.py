"""OPA's type errors, as far as constants and results of built-ins show them in regopy's plan. Pure.

regopy runs such a policy; OPA does not compile it.
"""

from typing import Any

from evaluator.rego import kinds
from evaluator.rego.engine import CompileError, RefusalError
from evaluator.rego.kinds import ANY, Kind
from evaluator.rego.regopy_plan import statements_of

_Statement = tuple[str, dict[str, Any]]
_MAKE = {
    "MakeArrayStmt": "array", "MakeNullStmt": "null", "MakeNumberIntStmt": "number",
    "MakeNumberRefStmt": "number", "MakeObjectStmt": "object", "MakeSetStmt": "set",
}  # fmt: skip
_ADDS = {"ArrayAppendStmt": "array", "SetAddStmt": "set"}
_COPIES = frozenset({"AssignVarStmt", "AssignVarOnceStmt"})
_DEPTH = 20
"""Copies of copies that are followed; a longer chain could be of any kind."""


def check_kinds(statements: list[_Statement]) -> None:
    """Raise CompileError for a type error, RefusalError for sets inside of collections."""
    known = _Known(statements)
    for kind, item in statements:
        match kind:
            case "CallStmt":
                _check_call(item, known)
            case "EqualStmt":
                if not known.of(item["a"]).meets(known.of(item["b"])):
                    raise CompileError("match error: the two sides are never equal", item.get("row", 0))
            case "DotStmt":
                if not known.of(item["source"]).holds:
                    raise CompileError("undefined ref: looks into what has no members", item.get("row", 0))
            case "ScanStmt":
                _check_members(item, known)
            case "ArrayAppendStmt" | "SetAddStmt":  # this engine's order of sets is not Rego's
                if known.of(item["value"]).kinds == frozenset({"set"}):
                    raise RefusalError(f"line {item.get('row', 0)}: sets inside an array or a set")


def _check_members(scan: dict[str, Any], known: "_Known") -> None:
    """Looks into members that have none; a name of two bodies is one local, so that only this scan counts."""
    if known.inside({"type": "local", "value": scan["source"]}).holds:
        return
    below = list(statements_of(scan["block"]))
    names = {scan["value"]} | {
        item["target"]
        for kind, item in below
        if kind in _COPIES and item["source"] == {"type": "local", "value": scan["value"]}
    }
    for kind, item in below:
        if kind == "DotStmt" and item["source"].get("value") in names and item["source"]["type"] == "local":
            raise CompileError("undefined ref: looks into what has no members", item.get("row", 0))


def _check_call(item: dict[str, Any], known: "_Known") -> None:
    if item["func"] == "internal.member_2":
        member, collection = item["args"]
        if not known.of(member).meets(known.inside(collection)):
            raise CompileError("match error: is never a member", item.get("row", 0))
    found = kinds.signature(item["func"])
    if found:
        for operand, wanted in zip(item["args"], found[0], strict=False):
            if not known.of(operand).meets(wanted):
                raise CompileError(f"{item['func']}: invalid argument", item.get("row", 0))


class _Known:
    """Kinds of the locals of one function, by the statements that write them."""

    def __init__(self, statements: list[_Statement]) -> None:
        self._writers: dict[int, list[_Statement]] = {}
        self._members: dict[int, list[Any]] = {}
        for kind, item in statements:
            for field in ("target", "result", "key", "value"):
                local = item.get(field)
                if isinstance(local, int) and (field in {"target", "result"} or kind == "ScanStmt"):
                    self._writers.setdefault(local, []).append((kind, item))
            if kind in _ADDS:
                self._members.setdefault(item[_ADDS[kind]], []).append(item["value"])

    def of(self, operand: Any, depth: int = _DEPTH) -> Kind:
        """What an operand may be."""
        match operand:
            case {"type": "string_index"}:
                return kinds.of("string")
            case {"type": "bool"}:
                return kinds.of("boolean")
            case {"type": "local", "value": local} if depth and local in self._writers:
                return kinds.join(self._written(local, *writer, depth - 1) for writer in self._writers[local])
            case _:
                return ANY

    def inside(self, operand: Any) -> Kind:
        """What the members of a collection may be."""
        members = self._members.get(operand["value"], []) if operand["type"] == "local" else []
        return kinds.join(self.of(member) for member in members)

    def _written(self, local: int, kind: str, item: dict[str, Any], depth: int) -> Kind:
        if kind in _MAKE:
            return kinds.of(_MAKE[kind])
        if kind in _COPIES:
            return self.of(item["source"], depth)
        if kind == "CallStmt":
            found = kinds.signature(item["func"])
            return found[1] if found else ANY
        if kind == "ScanStmt" and item["value"] == local:
            members = self._members.get(item["source"], [])
            return kinds.join(self.of(member, depth) for member in members)
        return ANY

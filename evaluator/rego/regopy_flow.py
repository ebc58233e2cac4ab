"""Where regopy's values differ from OPA's, found in its plan (OPA IR). Pure.

A built-in that fails gives an error value here, which other expressions take for
a value: it is equal to itself, it is not false, it fits into a set. OPA has
undefined instead. And what stands under `not` is evaluated inside it, where OPA
evaluates arguments before. Neither can be told from the answer; so both are
refused wherever they might show.
"""

from typing import Any

from evaluator.rego.engine import RefusalError
from evaluator.rego.regopy_kinds import check_kinds
from evaluator.rego.regopy_plan import statements_of

_NEVER_FAIL = frozenset(
    {
        "eq", "equal", "internal.member_2", "internal.member_3", "is_array", "is_boolean", "is_null",
        "is_number", "is_object", "is_set", "is_string", "type_name",
    }
)  # fmt: skip
_TAKE_ERRORS_ON = frozenset({"gt", "gte", "lt", "lte", "minus", "plus"})
"""Built-ins that fail where an argument is an error."""

_COPIES = frozenset({"AssignVarStmt", "AssignVarOnceStmt"})
_MAKE = frozenset({"MakeArrayStmt", "MakeSetStmt", "MakeObjectStmt"})
_LITERAL = frozenset({"MakeNumberRefStmt", "MakeNumberIntStmt"})
_LOOKS = frozenset({"DotStmt", "ScanStmt"})
_DIGITS = 15
_CONTEXT = 2
"""Arguments of every rule: the input and the data document."""


def check_flow(plan: dict[str, Any]) -> None:
    """Raise for what regopy may see otherwise than OPA; see above."""
    for function in plan["funcs"]["funcs"]:
        if ".querymodule$" in function["name"]:
            continue
        statements = list(statements_of(function["blocks"]))
        _check_negations(statements)
        _check_order(statements)
        _check_failures(statements)
        check_kinds(statements)
    for entry in plan["static"]["strings"]:
        text = str(entry["value"])
        if text.lstrip("-")[:1].isdigit() and (not text.lstrip("-").isdigit() or len(text) > _DIGITS):
            raise RefusalError(f"the number {text[:40]} is not read exactly on this engine")


def _check_negations(statements: list[tuple[str, dict[str, Any]]]) -> None:
    for kind, statement in statements:
        if kind != "NotStmt":
            continue
        inside = list(statements_of(statement["block"]))
        calls = [item for name, item in inside if name == "CallStmt"]
        builtins = [item for item in calls if not item["func"].startswith("g0.")]
        functions = [
            item for item in calls if item["func"].startswith("g0.") and len(item["args"]) > _CONTEXT
        ]
        looks = any(name in _LOOKS for name, _ in inside)
        if any(name == "ScanStmt" for name, _ in inside) or (
            (builtins or functions) and (looks or len(calls) > 1)
        ):
            raise RefusalError(f"line {statement.get('row', 0)}: evaluates arguments inside of `not`")


def _check_order(statements: list[tuple[str, dict[str, Any]]]) -> None:
    """Two generators of an array come in another order than OPA's."""
    for kind, statement in statements:
        if kind == "ScanStmt":
            for inner, below in statements_of(statement["block"]):
                if inner == "ScanStmt" and any(
                    name == "ArrayAppendStmt" for name, _ in statements_of(below["block"])
                ):
                    raise RefusalError(f"line {statement.get('row', 0)}: an array of two generators")


def _check_failures(statements: list[tuple[str, dict[str, Any]]]) -> None:
    made = {item["target"] for kind, item in statements if kind in _MAKE}
    literal = {item["target"] for kind, item in statements if kind in _LITERAL}
    failing = {
        item["result"]
        for kind, item in statements
        if kind == "CallStmt" and not item["func"].startswith("g0.") and not _is_safe(item, made)
    }
    while True:
        copies = {
            item["target"]
            for kind, item in statements
            if kind in _COPIES
            and item["source"].get("type") == "local"
            and item["source"]["value"] in failing
        }
        if copies <= failing:
            break
        failing |= copies
    for kind, item in statements:
        if kind == "NotStmt":
            bound = {inner["result"] for name, inner in statements_of(item["block"]) if name == "CallStmt"}
            used = {local for name, inner in statements_of(item["block"]) for local in _locals(name, inner)}
            if (used & failing) - bound:
                raise RefusalError(f"line {item.get('row', 0)}: `not` of what may have failed before")
        used = _locals(kind, item) & failing
        if used and not _is_harmless(kind, item, failing, literal):
            raise RefusalError(
                f"line {item.get('row', 0)}: a built-in that fails leaves an error that looks like a value"
            )


def _is_safe(call: dict[str, Any], made: set[int]) -> bool:
    if call["func"] in _NEVER_FAIL:
        return True
    arguments = call["args"]
    return call["func"] == "count" and arguments[0]["type"] == "local" and arguments[0]["value"] in made


def _is_harmless(kind: str, item: dict[str, Any], failing: set[int], literal: set[int]) -> bool:
    match kind:
        case "NotEqualStmt" | "IsDefinedStmt" | "IsUndefinedStmt" | "DotStmt" | "ScanStmt":
            return kind != "NotEqualStmt" or item["b"].get("type") == "bool"
        case "AssignVarStmt" | "AssignVarOnceStmt":
            return item["target"] in failing
        case "EqualStmt":
            other = item["b"] if item["a"].get("value") in failing else item["a"]
            return other.get("type") != "local" or other["value"] in literal
        case "CallStmt":
            return item["func"] in _TAKE_ERRORS_ON
        case _:
            return False


def _locals(kind: str, item: dict[str, Any]) -> set[int]:
    """Locals that a statement reads."""
    found = {
        value["value"] for value in item.values() if isinstance(value, dict) and value.get("type") == "local"
    }
    found |= {operand["value"] for operand in item.get("args", ()) if operand["type"] == "local"}
    if kind in {"ReturnLocalStmt", "IsDefinedStmt", "IsUndefinedStmt", "ScanStmt"}:
        found.add(item["source"])
    return found

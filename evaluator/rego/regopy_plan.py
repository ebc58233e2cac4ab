"""What regopy's compiled plan (OPA IR, `plan.json`) says about a policy. Pure.

regopy compiles some wrong or unsupported Rego without a word; two of its silent
errors show in the plan: a function it does not know, and a local variable that
is read but never written (an unsafe variable, or a loop variable lost inside a
nested body). See OPA's documentation of the intermediate representation for the
statements.
"""

from collections.abc import Iterator
from typing import Any

from evaluator.rego.engine import RefusalError

_WRITES = {
    "ArrayAppendStmt": (),
    "AssignIntStmt": ("target",),
    "AssignVarStmt": ("target",),
    "AssignVarOnceStmt": ("target",),
    "BlockStmt": (),
    "BreakStmt": (),
    "CallStmt": ("result",),
    "DotStmt": ("target",),
    "EqualStmt": (),
    "IsArrayStmt": (),
    "IsDefinedStmt": (),
    "IsObjectStmt": (),
    "IsSetStmt": (),
    "IsUndefinedStmt": (),
    "LenStmt": ("target",),
    "MakeArrayStmt": ("target",),
    "MakeNullStmt": ("target",),
    "MakeNumberIntStmt": ("target",),
    "MakeNumberRefStmt": ("target",),
    "MakeObjectStmt": ("target",),
    "MakeSetStmt": ("target",),
    "NopStmt": (),
    "NotEqualStmt": (),
    "NotStmt": (),
    "ObjectInsertOnceStmt": (),
    "ObjectInsertStmt": (),
    "ObjectMergeStmt": ("target",),
    "ResetLocalStmt": (),
    "ResultSetAddStmt": (),
    "ReturnLocalStmt": (),
    "ScanStmt": ("key", "value"),
    "SetAddStmt": (),
}
"""Statements that Tocsin lets regopy run, and which of their fields write a local.

Left out on purpose: WithStmt (a reference as its value aborts the process) and
CallDynamicStmt (its target is not known before it runs).
"""

_GIVE_INTEGERS = frozenset({"count", "plus", "minus"})
"""Calls whose result is an integer; the last two because `check_integers` looks at their arguments."""

_LOCAL_FIELDS = frozenset({"source", "array", "set", "object", "a", "b", "key", "value"})
_NOT_LOCALS = frozenset({"MakeNumberIntStmt", "MakeNumberRefStmt", "AssignIntStmt"})


def called(plan: dict[str, Any]) -> frozenset[str]:
    """Names of the built-ins that a plan calls."""
    own = {function["name"] for function in plan["funcs"]["funcs"]}
    names = {
        statement["func"]
        for function in plan["funcs"]["funcs"]
        for kind, statement in statements_of(function["blocks"])
        if kind == "CallStmt"
    }
    return frozenset(names - own)


def rules(plan: dict[str, Any]) -> frozenset[str]:
    """Rules of the plan as paths, such as `sigstore.isCompliant`."""
    return frozenset(".".join(function["path"][1:]) for function in plan["funcs"]["funcs"])


def references(plan: dict[str, Any]) -> dict[str, frozenset[str]]:
    """Rule name -> rules it calls."""
    names = {function["name"]: ".".join(function["path"][1:]) for function in plan["funcs"]["funcs"]}
    return {
        names[function["name"]]: frozenset(
            names[statement["func"]]
            for kind, statement in statements_of(function["blocks"])
            if kind == "CallStmt" and statement["func"] in names
        )
        for function in plan["funcs"]["funcs"]
    }


def makes_set(plan: dict[str, Any], rule: str) -> bool:
    """Whether a rule is a partial set: its function returns the set it makes first."""
    for function in plan["funcs"]["funcs"]:
        if ".".join(function["path"][1:]) == rule:
            first = function["blocks"][0]["stmts"]
            return any(
                item["type"] == "MakeSetStmt" and item["stmt"]["target"] == function["return"]
                for item in first
            )
    return False


def check_locals(plan: dict[str, Any]) -> None:
    """Raise RefusalError for a statement not known to be safe, or a local that is never written."""
    for function in plan["funcs"]["funcs"]:
        written = set(function["params"])
        read: dict[int, int] = {}
        for kind, statement in statements_of(function["blocks"]):
            if kind not in _WRITES:
                raise RefusalError(f"line {_line(statement)}: {kind} is not trusted on this engine")
            writes = _WRITES[kind]
            written |= {statement[field] for field in writes}
            for local in _reads(kind, statement, writes):
                read.setdefault(local, _line(statement))
        unbound = [line for local, line in read.items() if local not in written]
        if unbound:
            raise RefusalError(f"line {max(unbound)}: uses a variable that this engine leaves unbound")


def check_integers(plan: dict[str, Any], functions: frozenset[str]) -> None:
    """Raise RefusalError where one of these functions gets what may be no integer.

    Integers are constants, lengths, results of `count`, and what these functions make of integers.
    """
    constants = [str(entry["value"]) for entry in plan["static"]["strings"]]
    for function in plan["funcs"]["funcs"]:
        statements = list(statements_of(function["blocks"]))
        integers = _integer_locals(statements, constants)
        for kind, statement in statements:
            if kind == "CallStmt" and statement["func"] in functions:
                for operand in statement["args"]:
                    if operand["type"] != "local" or operand["value"] not in integers:
                        raise RefusalError(
                            f"line {_line(statement)}: {statement['func']} is trusted on this engine "
                            "only between counts and constants"
                        )


def _integer_locals(statements: list[tuple[str, dict[str, Any]]], constants: list[str]) -> frozenset[int]:
    """Locals that every statement which writes them fills with an integer: a greatest fixpoint."""
    writers: dict[int, list[tuple[str, dict[str, Any]]]] = {}
    for kind, statement in statements:
        for field in _WRITES[kind]:
            writers.setdefault(statement[field], []).append((kind, statement))
    integers = set(writers)
    while True:
        wrong = {
            local
            for local in integers
            if not all(_gives_integer(*writer, integers, constants) for writer in writers[local])
        }
        if not wrong:
            return frozenset(integers)
        integers -= wrong


def _gives_integer(kind: str, statement: dict[str, Any], integers: set[int], constants: list[str]) -> bool:
    match kind:
        case "MakeNumberIntStmt" | "LenStmt":
            return True
        case "MakeNumberRefStmt":
            return str(constants[statement["index"]]).lstrip("-").isdigit()
        case "CallStmt":
            return statement["func"] in _GIVE_INTEGERS
        case "AssignVarStmt" | "AssignVarOnceStmt":
            source = statement["source"]
            return bool(source.get("type") == "local" and source["value"] in integers)
        case _:
            return False


def _reads(kind: str, statement: dict[str, Any], writes: tuple[str, ...]) -> Iterator[int]:
    for field, value in statement.items():
        if field in writes:
            continue
        if isinstance(value, dict) and value.get("type") == "local":
            yield value["value"]
        elif field == "args":
            yield from (operand["value"] for operand in value if operand["type"] == "local")
        elif field in _LOCAL_FIELDS and isinstance(value, int) and kind not in _NOT_LOCALS:
            yield value


def _line(statement: dict[str, Any]) -> int:
    """Line of the text, from 1; regopy counts rows from 0. 0 where it does not say."""
    return int(statement.get("row", -1)) + 1


def statements_of(blocks: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every statement below some blocks, as (type, fields)."""
    stack = [blocks]
    while stack:
        node = stack.pop()
        if isinstance(node, list):
            stack.extend(node)
        elif isinstance(node, dict):
            if isinstance(node.get("stmt"), dict):
                yield node["type"], node["stmt"]
            stack.extend(value for value in node.values() if isinstance(value, dict | list))

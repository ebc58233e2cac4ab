"""What a regorus syntax tree says about a policy: calls, rules, references. Pure.

The tree is the JSON of `Engine.get_ast_as_json()` (regorus 0.13): each node is
an object with one key, its type; names are `Var` and `RefDot` chains.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from evaluator.rego.engine import PACKAGE

SETS = frozenset({"Set", "SetCompr"})
"""Kinds of nodes that are sets."""


@dataclass(frozen=True, slots=True)
class Analysis:
    """Of one module: `called` are dotted names of functions that no rule defines."""

    package: str
    rules: frozenset[str]
    functions: frozenset[str]
    called: frozenset[str]
    references: dict[str, frozenset[str]]


def analyse(module: dict[str, Any]) -> Analysis:
    """Analyse the `ast` of one policy."""
    rules: list[tuple[str, dict[str, Any]]] = []
    functions: set[str] = set()
    for rule in module["rules"]:
        name, is_function = _head(rule)
        rules.append((name, rule))
        if is_function:
            functions.add(name)
    names = frozenset(name for name, _ in rules)
    references: dict[str, set[str]] = {name: set() for name in names}
    called: set[str] = set()
    for name, rule in rules:
        local = _locals(rule)
        for path in _paths(rule):
            references[name] |= _targets(path, names, local)
        for path in _calls(rule):
            if not _is_own(path, functions):
                called.add(".".join(path))
    return Analysis(
        package=".".join(_path(module["package"]["refr"]) or ()),
        rules=names,
        functions=frozenset(functions),
        called=frozenset(called),
        references={name: frozenset(found) for name, found in references.items()},
    )


def _head(rule: dict[str, Any]) -> tuple[str, bool]:
    if "Default" in rule:
        default = rule["Default"]
        return _base(default["refr"]), bool(default.get("args"))
    ((kind, head),) = rule["Spec"]["head"].items()
    return _base(head["refr"]), kind == "Func"


def _base(node: dict[str, Any]) -> str:
    """First name of a reference: `p` of `p.q[x]`."""
    while "Var" not in node:
        ((_, inner),) = node.items()
        node = inner["refr"]
    return str(node["Var"]["value"])


def _path(node: Any) -> tuple[str, ...] | None:
    """A reference as names, up to the first part that is not a constant; None for no reference."""
    if not isinstance(node, dict):
        return None
    if "Var" in node:
        return (str(node["Var"]["value"]),)
    for kind in ("RefDot", "RefBrack"):
        if kind in node:
            before = _path(node[kind]["refr"])
            if before is None:
                return None
            if kind == "RefDot":
                return (*before, str(node[kind]["field"][1]))
            index = node[kind]["index"]
            constant = index.get("String", {}).get("value") if isinstance(index, dict) else None
            return (*before, str(constant) if constant is not None else "*")
    return None


def kind_of(node: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """An expression's type and fields."""
    ((kind, inner),) = node.items()
    return kind, inner


def path_name(node: dict[str, Any]) -> str:
    """The name that a reference starts with."""
    while "Var" not in node:
        ((_, inner),) = node.items()
        node = inner["refr"]
    return str(node["Var"]["value"])


def dotted(reference: dict[str, Any]) -> str:
    """A reference made of names only as one name: of a function, `regex.match`."""
    return ".".join(_path(reference) or ())


def module_names(module: dict[str, Any], source: bytes) -> frozenset[str]:
    """Names that mean something everywhere in a module: documents, rules, imports."""
    found = {"input", "data"} | {_head(rule)[0] for rule in module["rules"]}
    return frozenset(found | set(imported(module, source)))


def imported(module: dict[str, Any], source: bytes) -> list[str]:
    """The names by which a module refers to its imports, but those of the language itself."""
    found = []
    for item in module["imports"]:
        path, alias = _path(item["refr"]) or ("",), item.get("as")
        if path[0] not in {"rego", "future"}:
            found.append(source[alias["start"] : alias["end"]].decode() if alias else path[-1])
    return found


def nodes(node: Any) -> Iterator[dict[str, Any]]:
    """Every object of a tree, parents first; iterative, because depth is the author's choice."""
    stack = [node]
    while stack:
        top = stack.pop()
        if isinstance(top, dict):
            yield top
            stack.extend(top.values())
        elif isinstance(top, list):
            stack.extend(top)


def _paths(rule: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    body = rule.get("Spec") or rule["Default"]
    inner = [body.get("bodies"), body.get("value")]
    head = body.get("head")
    if head:
        ((_, parts),) = head.items()
        inner += [parts.get("key"), parts.get("assign"), parts.get("value")]
    yield from _outer_paths(inner)


def _outer_paths(tree: Any) -> Iterator[tuple[str, ...]]:
    """References as a whole: `data.sigstore.p` once, and not also `data.sigstore` and `data`."""
    stack = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, list):
            stack.extend(node)
        elif isinstance(node, dict):
            path = _path(node)
            if path is None:
                stack.extend(node.values())
            else:
                yield path
                stack.extend(inside(node))


def inside(reference: dict[str, Any]) -> Iterator[Any]:
    """Expressions in the brackets of a reference, and what it starts from where that is no name."""
    node: Any = reference
    while "Var" not in node:
        ((kind, inner),) = node.items()
        if kind == "RefBrack":
            yield inner["index"]
        node = inner["refr"]


def _calls(rule: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    for node in nodes(rule):
        call = node.get("Call")
        if isinstance(call, dict):
            yield _path(call.get("fcn")) or ("*",)


def _locals(rule: dict[str, Any]) -> frozenset[str]:
    """Names a rule declares for itself: arguments, `some`, `:=`."""
    found: set[str] = set()
    for node in nodes(rule):
        if isinstance(node.get("Func"), dict):
            found |= {path[0] for arg in node["Func"]["args"] if (path := _path(arg))}
        assign = node.get("AssignExpr")
        if isinstance(assign, dict) and assign.get("op") == "ColEq" and (path := _path(assign["lhs"])):
            found.add(path[0])
    return frozenset(found)


def _is_own(path: tuple[str, ...], functions: set[str]) -> bool:
    """Whether a call is of a function of the policy. A rule `time` does not hide `time.now_ns`."""
    inside = path[2:] if path[:2] == ("data", PACKAGE) else path
    return len(inside) == 1 and inside[0] in functions


def _targets(path: tuple[str, ...], rules: frozenset[str], local: frozenset[str]) -> frozenset[str]:
    """Rules that a reference may mean."""
    if path[0] == "data":
        inside = path[1:]
        if not inside or inside[0] == "*" or inside == (PACKAGE,) or inside[:2] == (PACKAGE, "*"):
            return rules
        return frozenset({inside[1]}) & rules if inside[0] == PACKAGE else frozenset()
    return frozenset({path[0]}) & (rules - local)

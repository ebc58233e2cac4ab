"""What an OPA server made of a policy, checked: what it calls and which data it reads. Pure.

The tree of `GET /v1/policies/<id>` is compiled: imports and names are resolved, and
each use of a built-in, also inside `with`, is a reference to it by its full name.
"""

from collections.abc import Iterator
from typing import Any

from evaluator.rego.engine import PACKAGE, QUERY, RULE, CompileError, RefusalError
from evaluator.rego.guards import FORBIDDEN_CALLS
from evaluator.rego.purity import is_pure


def check(tree: Any, package: tuple[str, ...]) -> bool:
    """Whether the policy is pure. Raises CompileError or RefusalError. `package`: its own."""
    if _names(tree["package"]["path"]) != ("data", *package):
        raise RefusalError("the server read another package than was pushed")
    rules = tree.get("rules") or []
    _check_shape(rules)
    used: set[str] = set()
    for path in _references(rules):
        if path[0] == "data" and path[1 : len(package) + 1] != package:
            raise RefusalError(f"reads data outside the package {PACKAGE}")
        used.add(".".join(path))
    for name in sorted(used & FORBIDDEN_CALLS.keys()):
        raise RefusalError(f"{name} {FORBIDDEN_CALLS[name]}; no policy may call it here")
    return is_pure(used)


def _check_shape(rules: list[Any]) -> None:
    heads = [rule["head"] for rule in rules if _names(rule["head"]["ref"])[:1] == (RULE,)]
    if not heads:
        raise CompileError(f"there is no rule {RULE}; the verdict is the value of {QUERY}")
    if any(head.get("args") for head in heads):
        raise CompileError(f"{RULE} is a function; it must be a rule without arguments")


def _references(rules: list[Any]) -> Iterator[tuple[str, ...]]:
    """Each reference by its names, up to the first part that is none; a bare variable is one too."""
    stack: list[Any] = list(rules)
    while stack:
        node = stack.pop()
        if isinstance(node, list):
            stack += node
        elif isinstance(node, dict):
            if node.get("type") == "ref":
                yield _names(node["value"])
                stack += node["value"][1:]
                if node["value"][0]["type"] != "var":
                    stack.append(node["value"][0])
            elif node.get("type") == "var":
                yield (str(node["value"]),)
            else:
                stack += node.values()


def _names(parts: list[Any]) -> tuple[str, ...]:
    """The leading names of a reference."""
    names: list[str] = []
    for number, part in enumerate(parts):
        if part["type"] != ("string" if number else "var"):
            break
        names.append(part["value"])
    return tuple(names) or ("*",)

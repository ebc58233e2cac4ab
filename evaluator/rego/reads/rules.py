"""The rules of a syntax tree in the shape that `flow` follows. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evaluator.rego.reads.scopes import UnsureError

_COMPREHENSIONS = ("ArrayCompr", "SetCompr", "ObjectCompr")
_LANGUAGE = ("rego", "future")


@dataclass(frozen=True, slots=True)
class Body:
    """Statements, and the value where they hold; None: true."""

    statements: Sequence[Any]
    value: Any | None


@dataclass(frozen=True, slots=True)
class Definition:
    """One definition of a rule: `name[keys](parameters) := value { statements }`."""

    tree: Any
    keys: tuple[Any, ...]
    bodies: tuple[Body, ...]
    parameters: tuple[Any, ...] = ()
    is_function: bool = False
    is_set: bool = False
    """Its values are members of a set."""
    is_default: bool = False

    @property
    def path(self) -> tuple[str, ...] | None:
        """Its keys, where they are constant."""
        names = tuple(str(key["String"]["value"]) for key in self.keys if "String" in key)
        return names if len(names) == len(self.keys) else None


@dataclass(frozen=True, slots=True)
class Rule:
    """All definitions of one name."""

    name: str
    definitions: tuple[Definition, ...]

    @property
    def is_function(self) -> bool:
        """Whether it takes arguments."""
        return any(definition.is_function for definition in self.definitions)

    @property
    def arity(self) -> int | None:
        """Number of arguments; None where its definitions do not agree."""
        found = {len(definition.parameters) for definition in self.definitions if not definition.is_default}
        return found.pop() if len(found) == 1 else None

    def has_one(self, definition: Definition) -> bool:
        """Whether the value of a definition has no rival: rivals are compared, to find a conflict."""
        rivals = [other for other in self.definitions if not other.is_default]
        if definition.keys:
            paths = [other.path for other in rivals]
            alone = paths.count(definition.path) == 1 and all(path and len(path) == 1 for path in paths)
        else:
            alone = len(rivals) == 1
        return definition.is_default or (alone and len(definition.bodies) == 1)


def rules_of(module: Mapping[str, Any]) -> dict[str, Rule]:
    """Every rule by name. Raises UnsureError for what this analysis does not follow."""
    for imported in module["imports"]:
        if _chain(imported["refr"])[0] not in _LANGUAGE:
            raise UnsureError("import")
    found: dict[str, list[Definition]] = {}
    for tree in module["rules"]:
        name, definition = _definition(tree)
        if name in ("input", "data"):
            raise UnsureError(name)
        found.setdefault(name, []).append(definition)
    return {name: Rule(name, tuple(definitions)) for name, definitions in found.items()}


def iterates(definition: Definition, body: Body) -> bool:
    """Whether a body may give more than one value. What comprehensions iterate over is their own."""
    stack = [body.statements, body.value, definition.keys]
    while stack:
        node = stack.pop()
        if isinstance(node, list | tuple):
            stack.extend(node)
        elif isinstance(node, dict):
            bracket = node.get("RefBrack")
            if "SomeIn" in node or (bracket and not bracket["index"].keys() & {"String", "Number"}):
                return True
            stack.extend(inner for kind, inner in node.items() if kind not in _COMPREHENSIONS)
    return False


def _definition(tree: Mapping[str, Any]) -> tuple[str, Definition]:
    if "Default" in tree:
        default = tree["Default"]
        name, keys = _head(default["refr"])
        bodies = (Body((), default["value"]),)
        is_function = bool(default.get("args"))
        return name, Definition(tree, keys, bodies, is_function=is_function, is_default=True)
    ((kind, head),) = tree["Spec"]["head"].items()
    if kind not in ("Compr", "Set", "Func"):
        raise UnsureError(kind)
    name, keys = _head(head["refr"])
    value = head["key"] if kind == "Set" else _assigned(head)
    definition = Definition(
        tree,
        keys,
        tuple(_bodies(tree["Spec"]["bodies"], value)),
        tuple(head.get("args", ())),
        is_function=kind == "Func",
        is_set=kind == "Set",
    )
    return name, definition


def _bodies(bodies: Sequence[Any], value: Any) -> Iterator[Body]:
    """A head without a body has one that always holds; an `else` has a value of its own."""
    if not bodies:
        yield Body((), value)
    for body in bodies:
        own = _assigned(body)
        yield Body(body["query"]["stmts"], own if own or body["is_else"] else value)


def _assigned(parts: Mapping[str, Any]) -> Any | None:
    return parts["assign"]["value"] if parts["assign"] else None


def _head(reference: Any) -> tuple[str, tuple[Any, ...]]:
    """`p.q[x]` as its name and its keys."""
    name, *keys = _chain(reference)
    return name, tuple(keys)


def _chain(node: Any) -> list[Any]:
    keys: list[Any] = []
    while "Var" not in node:
        ((kind, parts),) = node.items()
        if kind == "RefDot":
            keys.append({"String": {"value": parts["field"][1]}})
        elif kind == "RefBrack":
            keys.append(parts["index"])
        else:
            raise UnsureError(kind)
        node = parts["refr"]
    return [str(node["Var"]["value"]), *reversed(keys)]

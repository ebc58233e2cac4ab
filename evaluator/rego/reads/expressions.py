"""What an expression may be, and what it reads: one function for each kind of node. Pure."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from evaluator.rego.engine import PACKAGE
from evaluator.rego.reads.calls import KEYS_OF, SHAPE_OF
from evaluator.rego.reads.paths import Mode
from evaluator.rego.reads.reading import Reading
from evaluator.rego.reads.rules import Rule
from evaluator.rego.reads.scopes import Scopes, UnsureError
from evaluator.rego.reads.values import NOTHING, OPAQUE, Value, built, constant, join, part

_TEXTS = frozenset({"String", "RawString"})
_SCALARS = _TEXTS | {"Number", "Bool", "Null"}


class Policy(Protocol):
    """The rules around an expression."""

    reading: Reading
    rules: Mapping[str, Rule]

    def rule(self, name: str) -> Value:
        """What a rule may be."""
        ...

    def call(self, rule: Rule, arguments: tuple[Value, ...]) -> Value:
        """What a function may give."""
        ...

    def query(self, scopes: Scopes, statements: Sequence[Any]) -> None:
        """Follow the statements of a body."""
        ...

    def declare(self, scopes: Scopes, pattern: Any, value: Value) -> None:
        """Bind a pattern."""
        ...


def evaluate(policy: Policy, scopes: Scopes, node: Any) -> Value:
    """Follow an expression. Raises UnsureError for a kind of node that is not known."""
    policy.reading.spend()
    ((kind, parts),) = node.items()
    if kind in _SCALARS:
        return constant(str(parts["value"])) if kind in _TEXTS else OPAQUE
    if kind not in _KINDS:
        raise UnsureError(kind)
    return _KINDS[kind](policy, scopes, parts)


def _read_all(policy: Policy, scopes: Scopes, nodes: Sequence[Any]) -> Value:
    for node in nodes:
        policy.reading.read(evaluate(policy, scopes, node), Mode.DEEP)
    return OPAQUE


def _variable(policy: Policy, scopes: Scopes, parts: Any) -> Value:
    name = str(parts["value"])
    value = scopes.look_up(name)
    if value is not None:
        return value
    if name == "input":
        return part(())
    if name == "data":
        raise UnsureError("data as a value")
    return policy.rule(name) if name in policy.rules else scopes.use_implicit(name)


def _dot(policy: Policy, scopes: Scopes, parts: Any) -> Value:
    return _named(policy, scopes, parts["refr"], str(parts["field"][1]))


def _bracket(policy: Policy, scopes: Scopes, parts: Any) -> Value:
    index = parts["index"]
    if "String" in index:
        return _named(policy, scopes, parts["refr"], str(index["String"]["value"]))
    value = evaluate(policy, scopes, parts["refr"])
    return policy.reading.index(value, evaluate(policy, scopes, index))


def _named(policy: Policy, scopes: Scopes, node: Any, name: str) -> Value:
    """What is under a constant key. `data` holds the policy's own rules, and nothing else."""
    ((kind, parts),) = node.items()
    if kind == "RefDot" and parts["refr"].get("Var", {}).get("value") == "data":
        if parts["field"][1] != PACKAGE:
            raise UnsureError("data")
        return policy.rule(name) if name in policy.rules else NOTHING
    return policy.reading.step(evaluate(policy, scopes, node), name)


def _array(policy: Policy, scopes: Scopes, parts: Any) -> Value:
    return built({}, join(*(evaluate(policy, scopes, item) for item in parts["items"])))


def _set(policy: Policy, scopes: Scopes, parts: Any) -> Value:
    """Members are compared with each other."""
    members = [evaluate(policy, scopes, item) for item in parts["items"]]
    return built({}, join(*map(policy.reading.compared, members)))


def _object(policy: Policy, scopes: Scopes, parts: Any) -> Value:
    fields: dict[str, Value] = {}
    others: list[Value] = []
    for _, key, item in parts["fields"]:
        name, value = evaluate(policy, scopes, key), evaluate(policy, scopes, item)
        if "String" in key:
            fields[str(key["String"]["value"])] = value
        else:
            policy.reading.read(name, Mode.DEEP)
            others.append(value)
    return built(fields, join(*others) if others else None)


def _list_of(policy: Policy, scopes: Scopes, parts: Any) -> Value:
    scopes.enter(parts)
    policy.query(scopes, parts["query"]["stmts"])
    value = evaluate(policy, scopes, parts["term"])
    scopes.leave()
    return built({}, value)


def _set_of(policy: Policy, scopes: Scopes, parts: Any) -> Value:
    """Members are compared with each other."""
    scopes.enter(parts)
    policy.query(scopes, parts["query"]["stmts"])
    value = policy.reading.compared(evaluate(policy, scopes, parts["term"]))
    scopes.leave()
    return built({}, value)


def _object_of(policy: Policy, scopes: Scopes, parts: Any) -> Value:
    """Values under one key are compared: two different ones are a conflict."""
    scopes.enter(parts)
    policy.query(scopes, parts["query"]["stmts"])
    policy.reading.read(evaluate(policy, scopes, parts["key"]), Mode.DEEP)
    value = policy.reading.compared(evaluate(policy, scopes, parts["value"]))
    scopes.leave()
    return built({}, value)


def _compare(policy: Policy, scopes: Scopes, parts: Any) -> Value:
    return _compare_both(policy, scopes, parts["lhs"], parts["rhs"])


def _compare_both(policy: Policy, scopes: Scopes, left: Any, right: Any) -> Value:
    values = evaluate(policy, scopes, left), evaluate(policy, scopes, right)
    mode = min(_looked_at_beside(left), _looked_at_beside(right))
    for value in values:
        policy.reading.read(value, mode)
    return OPAQUE


def _looked_at_beside(node: Any) -> Mode:
    """How much of the other side a comparison with this one looks at."""
    ((kind, parts),) = node.items()
    if kind in _SCALARS:
        return Mode.SHAPE
    empty = (kind == "Array" and not parts["items"]) or (kind == "Object" and not parts["fields"])
    return Mode.KEYS if empty else Mode.DEEP


def _assign(policy: Policy, scopes: Scopes, parts: Any) -> Value:
    left, right = parts["lhs"], parts["rhs"]
    if parts["op"] == "ColEq":
        policy.declare(scopes, left, evaluate(policy, scopes, right))
        return OPAQUE
    for one, other in ((left, right), (right, left)):
        name = _free(policy, scopes, one)
        if name and not _free(policy, scopes, other):
            value = evaluate(policy, scopes, other)
            if not scopes.bind(name, value):
                policy.reading.read(value, Mode.DEEP)
                _read_all(policy, scopes, [one])
            return OPAQUE
    return _compare_both(policy, scopes, left, right)


def _free(policy: Policy, scopes: Scopes, node: Any) -> str:
    """The name of a variable that may be bound here; empty for anything else."""
    name = str(node["Var"]["value"]) if "Var" in node else ""
    if name in ("input", "data"):
        return ""
    return name if scopes.declared(name) or name not in policy.rules else ""


def _membership(policy: Policy, scopes: Scopes, parts: Any) -> Value:
    ((kind, inner),) = parts["collection"].items()
    plain = kind in ("Set", "Array") and all(_looked_at_beside(item) is Mode.SHAPE for item in inner["items"])
    for node in (parts["key"], parts["value"]):
        if node is not None:
            policy.reading.read(evaluate(policy, scopes, node), Mode.SHAPE if plain else Mode.DEEP)
    return _read_all(policy, scopes, [parts["collection"]])


def _call(policy: Policy, scopes: Scopes, parts: Any) -> Value:
    name, nodes = _function_name(policy, parts["fcn"]), parts["params"]
    arguments = tuple(evaluate(policy, scopes, node) for node in nodes)
    if name in policy.rules:
        return _call_own(policy, policy.rules[name], arguments)
    match name, arguments:
        case "object.get", (value, key, default):
            return join(_get(policy, value, nodes[1], key), default)
        case "array.concat", (left, right):
            return built({}, join(policy.reading.step(left, None), policy.reading.step(right, None)))
        case _, (value,) if name in SHAPE_OF:
            policy.reading.read(value, Mode.SHAPE)
        case _, (value,) if name in KEYS_OF:
            policy.reading.read(value, Mode.KEYS)
        case _:
            for argument in arguments:
                policy.reading.read(argument, Mode.DEEP)
    return OPAQUE


def _call_own(policy: Policy, rule: Rule, arguments: tuple[Value, ...]) -> Value:
    arity = rule.arity
    if not rule.is_function or arity is None or len(arguments) not in (arity, arity + 1):
        raise UnsureError(rule.name)
    result = policy.call(rule, arguments[:arity])
    if len(arguments) == arity:
        return result
    policy.reading.read(arguments[-1], Mode.DEEP)  # it is unified with the result
    policy.reading.read(result, Mode.DEEP)
    return OPAQUE


def _get(policy: Policy, value: Value, node: Any, key: Value) -> Value:
    """`object.get` with a key, or with a path written as a list."""
    if "Array" not in node:
        found = policy.reading.index(value, key)
        return found if key.names else policy.reading.compared(join(found, value))
    for item in node["Array"]["items"]:
        if "String" not in item:
            policy.reading.read(key, Mode.DEEP)
            return policy.reading.compared(value)
        value = policy.reading.step(value, str(item["String"]["value"]))
    return value


def _function_name(policy: Policy, node: Any) -> str:
    words: list[str] = []
    while "RefDot" in node:
        words.append(str(node["RefDot"]["field"][1]))
        node = node["RefDot"]["refr"]
    if "Var" not in node:
        raise UnsureError("a computed function")
    words.append(str(node["Var"]["value"]))
    name = ".".join(reversed(words))
    own = name.removeprefix(f"data.{PACKAGE}.")
    return own if own in policy.rules else name


def _operands(*names: str) -> "_Evaluate":
    return lambda policy, scopes, parts: _read_all(policy, scopes, [parts[name] for name in names])


_Evaluate = Callable[[Policy, Scopes, Any], Value]

_KINDS: Mapping[str, _Evaluate] = {
    "Var": _variable,
    "RefDot": _dot,
    "RefBrack": _bracket,
    "Array": _array,
    "Set": _set,
    "Object": _object,
    "ArrayCompr": _list_of,
    "SetCompr": _set_of,
    "ObjectCompr": _object_of,
    "Call": _call,
    "UnaryExpr": _operands("expr"),
    "BinExpr": _operands("lhs", "rhs"),
    "ArithExpr": _operands("lhs", "rhs"),
    "BoolExpr": _compare,
    "AssignExpr": _assign,
    "Membership": _membership,
}

"""Follows a policy's input document through its rules: what can be read of it. Pure.

An abstract interpretation of regorus's syntax tree (see `evaluator.rego.regorus_ast`).
It is not sensitive to conditions: whatever a rule may do, it does. A part of the
document is read when something depends on it: it is compared, put in a set, used
as a key, given to a built-in, or is the answer. What is only passed on, picked from
or iterated over is not, but for its shape and keys. Functions are followed into
with their arguments; Rego has no recursion, and a budget bounds the work.

What is not followed raises UnsureError: the whole document is read then. New kinds
of nodes do, too: only what is named here is understood.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from evaluator.rego.engine import RULE
from evaluator.rego.reads.calls import scalars_in
from evaluator.rego.reads.expressions import evaluate
from evaluator.rego.reads.paths import WHOLE, Mode, ReadSet, normal
from evaluator.rego.reads.reading import Reading
from evaluator.rego.reads.rules import Body, Definition, Rule, iterates, rules_of
from evaluator.rego.reads.scopes import Scopes, UnsureError
from evaluator.rego.reads.values import OPAQUE, Value, built, join

_MAX_READS = 512


def read_set(module: Mapping[str, Any], text: str) -> ReadSet:
    """The read set of a policy: `module` is the `ast` of its text."""
    try:
        flow = Flow(rules_of(module), text.encode())
        flow.reading.read(flow.rule(RULE), Mode.DEEP)
        reads = normal(flow.reading.reads)
    except (UnsureError, RecursionError):
        return WHOLE
    return reads if len(reads) <= _MAX_READS else WHOLE


class Flow:
    """One policy being followed."""

    def __init__(self, rules: Mapping[str, Rule], text: bytes) -> None:
        self.reading = Reading()
        self.rules = rules
        self._names = frozenset(rules)
        self._text = text
        self._values: dict[str, Value] = {}
        self._results: dict[tuple[str, tuple[Value, ...]], Value] = {}

    def rule(self, name: str) -> Value:
        """What a rule may be."""
        if name not in self._values:
            rule = self.rules[name]
            if rule.is_function:
                raise UnsureError(name)
            self._values[name] = join(*(self._define(rule, one, ()) for one in rule.definitions))
        return self._values[name]

    def call(self, rule: Rule, arguments: tuple[Value, ...]) -> Value:
        """What a function may give for these arguments."""
        key = (rule.name, arguments)
        if key not in self._results:
            self._results[key] = join(
                *(self._define(rule, one, () if one.is_default else arguments) for one in rule.definitions)
            )
        return self._results[key]

    def _define(self, rule: Rule, definition: Definition, arguments: Sequence[Value]) -> Value:
        scopes = Scopes(definition.tree)
        scopes.enter(definition.tree)
        for pattern, argument in zip(definition.parameters, arguments, strict=True):
            self.declare(scopes, pattern, argument)
        found: list[Value] = []
        for body in definition.bodies:
            scopes.enter(definition.tree)
            self.query(scopes, body.statements)
            scopes.enter(definition.tree)
            for name in scalars_in(body.statements, self._names):
                scopes.shadow(name, OPAQUE)  # a scalar is read whole by its shape
            found.append(self._head(rule, definition, body, scopes))
            scopes.leave()
            scopes.leave()
        return join(*found)

    def _head(self, rule: Rule, definition: Definition, body: Body, scopes: Scopes) -> Value:
        """The value where a body holds."""
        value = OPAQUE if body.value is None else evaluate(self, scopes, body.value)
        if definition.is_set or iterates(definition, body) or not rule.has_one(definition):
            value = self.reading.compared(value)  # with other members, or rivals
        if definition.is_set:
            value = built({}, value)
        for key in reversed(definition.keys):
            name = self.reading.compared(evaluate(self, scopes, key))
            names = name.names or frozenset()
            value = built(dict.fromkeys(names, value), None if names else value)
        return value

    def query(self, scopes: Scopes, statements: Sequence[Any]) -> None:
        """Follow the statements of a body."""
        for statement in statements:
            if statement.get("with_mods"):
                raise UnsureError("with")
            ((kind, parts),) = statement["literal"].items()
            match kind:
                case "Expr" | "NotExpr":
                    evaluate(self, scopes, parts["expr"])
                case "SomeVars":
                    for span in parts["vars"]:
                        scopes.declare_open(self._word(span))
                case "SomeIn":
                    elements = self.reading.step(evaluate(self, scopes, parts["collection"]), None)
                    if parts["key"] is not None:
                        self.declare(scopes, parts["key"], OPAQUE)
                    self.declare(scopes, parts["value"], elements)
                case "Every":
                    self._every(scopes, parts)
                case _:
                    raise UnsureError(kind)

    def _every(self, scopes: Scopes, parts: Any) -> None:
        elements = self.reading.step(evaluate(self, scopes, parts["domain"]), None)
        scopes.enter(parts)
        if parts["key"] is not None:
            scopes.declare(self._word(parts["key"]), OPAQUE)
        scopes.declare(self._word(parts["value"]), elements)
        self.query(scopes, parts["query"]["stmts"])
        scopes.leave()

    def _word(self, span: Any) -> str:
        return self._text[span["start"] : span["end"]].decode()

    def declare(self, scopes: Scopes, pattern: Any, value: Value) -> None:
        """Bind a pattern. One that is more than a name looks at what it is given."""
        ((kind, parts),) = pattern.items()
        if kind == "Var":
            scopes.declare(str(parts["value"]), value)
            return
        self.reading.read(value, Mode.DEEP)
        self._declare_parts(scopes, pattern)

    def _declare_parts(self, scopes: Scopes, pattern: Any) -> None:
        ((kind, parts),) = pattern.items()
        match kind:
            case "Var":
                scopes.declare(str(parts["value"]), OPAQUE)
            case "Array":
                for item in parts["items"]:
                    self._declare_parts(scopes, item)
            case "Object":
                for _, key, item in parts["fields"]:
                    self.reading.read(evaluate(self, scopes, key), Mode.DEEP)
                    self._declare_parts(scopes, item)
            case _:
                self.reading.read(evaluate(self, scopes, pattern), Mode.DEEP)

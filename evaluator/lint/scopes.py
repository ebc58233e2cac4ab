"""Names to values: what a rule's variables and a module's rules stand for. Pure.

Order does not matter in Rego, so a scope knows all its bindings before any is asked
for. Each name is worked out once; one that needs itself is unknown.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from evaluator.lint.syntax import (
    Binary,
    Body,
    Brackets,
    Call,
    Collection,
    Comprehension,
    Condition,
    Every,
    Expr,
    Module,
    Negation,
    Object,
    Ref,
    Rule,
    Scalar,
    ScalarKind,
    Some,
    SomeIn,
    Var,
)
from evaluator.lint.values import UNKNOWN, At, Known, Value, fields, many, members, step_into, union
from evaluator.lint.walking import open_parts

_PACKAGE = ("data", "sigstore")
_DEEPEST = 60
_MOST_FIELDS = 32
_NUMBERS = {"count", "sum", "product", "to_number", "abs", "round", "ceil", "floor", "indexof", "time.now_ns",
            "time.parse_rfc3339_ns", "time.parse_ns", "time.parse_duration_ns"}  # fmt: skip
_STRINGS = {"sprintf", "concat", "lower", "upper", "trim", "trim_left", "trim_right", "trim_prefix",
            "trim_suffix", "trim_space", "replace", "substring", "format_int", "json.marshal",
            "type_name", "base64.encode", "strings.reverse"}  # fmt: skip
_BOOLEANS = {"startswith", "endswith", "contains", "regex.match", "glob.match", "is_string", "is_null",
             "is_array", "is_object", "is_boolean", "is_number", "is_set", "re_match"}  # fmt: skip
_COMPARISONS = {"==", "!=", "<", "<=", ">", ">=", "in"}


@dataclass(frozen=True, slots=True)
class Whole:
    """The name is the expression's value."""

    expr: Expr


@dataclass(frozen=True, slots=True)
class Member:
    """The name is one of the expression's members."""

    expr: Expr


Binding = Whole | Member


@dataclass(slots=True)
class Scope:
    """Variables of a rule, or of a body inside one."""

    rules: "Rules"
    parent: "Scope | None" = None
    bindings: dict[str, list[Binding]] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    """Everything that is bound here, known or not."""
    _known: dict[str, Value] = field(default_factory=dict)

    def inner(self, body: Body | None, heads: Iterable[Expr] = ()) -> "Scope":
        """The scope of a body inside this one; `heads` may use its names."""
        scope = Scope(self.rules, self)
        if body is not None:
            scope.bind(body)
        for head in heads:
            scope.bind_expr(head)
        return scope

    def declares(self, name: str) -> bool:
        """Whether a name is bound, here or outside."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.names:
                return True
            scope = scope.parent
        return name in self.rules.names

    def lookup(self, name: str, depth: int) -> Value:
        """The value of a name."""
        if name not in self.names:
            return self.parent.lookup(name, depth) if self.parent else self.rules.lookup(name, depth)
        if name not in self._known:
            self._known[name] = UNKNOWN  # what it is if it needs itself
            found = [self._bound(binding, depth) for binding in self.bindings.get(name, ())]
            self._known[name] = union(found)
        return self._known[name]

    def value(self, expr: Expr, depth: int = 0) -> Value:
        """What an expression can be."""
        if depth > _DEEPEST:
            return UNKNOWN
        return _value(self, expr, depth + 1)

    def bind(self, body: Body) -> None:
        """Take over what the statements of a body bind."""
        for statement in body.statements:
            match statement:
                case Condition(_, expr):
                    self.bind_expr(expr)
                case Some(_, names):
                    self.names |= {name.name for name in names}
                case SomeIn(_, key, value, domain):
                    self._bind_pattern(value, Member(domain))
                    if isinstance(key, Var):
                        self.names.add(key.name)
                case Negation() | Every():
                    pass

    def bind_expr(self, expr: Expr) -> None:
        """Take over what an expression binds: `x := value`, `x = value`, `list[i]`."""
        if isinstance(expr, Binary) and expr.operator in {":=", "="}:
            self._bind_pattern(expr.left, Whole(expr.right))
            if expr.operator == "=" and not isinstance(expr.left, Var):
                self._bind_pattern(expr.right, Whole(expr.left))
        for part in open_parts(expr):
            if isinstance(part, Ref):
                for step in part.steps:
                    if isinstance(step.key, Var) and not self.declares(step.key.name):
                        self.names.add(step.key.name)

    def add(self, name: str, binding: Binding | None = None) -> None:
        """Bind a name."""
        self.names.add(name)
        if binding is not None:
            self.bindings.setdefault(name, []).append(binding)

    def _bind_pattern(self, pattern: Expr, binding: Binding) -> None:
        match pattern:
            case Var(_, name) if name not in {"_", "input", "data"}:
                self.add(name, binding)
            case Collection(_, _, items):
                for item in items:
                    self._bind_pattern(item, Member(binding.expr))
            case Object(_, pairs):
                for _, item in pairs:
                    self._bind_names(item)
            case _:
                pass

    def _bind_names(self, pattern: Expr) -> None:
        if isinstance(pattern, Var):
            self.add(pattern.name)

    def _bound(self, binding: Binding, depth: int) -> Value:
        value = self.value(binding.expr, depth)
        return members(value) if isinstance(binding, Member) else value


@dataclass(slots=True)
class Rules:
    """The names of a module: its rules and imports."""

    by_name: dict[str, list[Rule]]
    aliases: dict[str, Value]
    _known: dict[str, Value] = field(default_factory=dict)

    @property
    def names(self) -> set[str]:
        """Everything the module gives a name to."""
        return {*self.by_name, *self.aliases, "input", "data"}

    def lookup(self, name: str, depth: int) -> Value:
        """What a name of the module stands for."""
        if name == "input":
            return (At(()),)
        if name in self.aliases:
            return self.aliases[name]
        if name not in self.by_name:
            return UNKNOWN
        if name not in self._known:
            self._known[name] = UNKNOWN
            self._known[name] = union(_rule_values(self, self.by_name[name], depth))
        return self._known[name]


def rules_of(module: Module) -> Rules:
    """The names of a module."""
    by_name: dict[str, list[Rule]] = {}
    for rule in module.rules:
        by_name.setdefault(rule.name, []).append(rule)
    aliases = {one.alias: (At(one.path[1:]),) for one in module.imports if one.path[0] == "input"}
    return Rules(by_name, {name: tuple(value) for name, value in aliases.items()})


def rule_scope(rules: Rules, rule: Rule, body: Body | None, heads: Iterable[Expr | None] = ()) -> Scope:
    """The scope of one clause of a rule."""
    scope = Scope(rules)
    for argument in rule.args or ():
        scope.names |= {part.name for part in open_parts(argument) if isinstance(part, Var)}
    if body is not None:
        scope.bind(body)
    for head in (rule.key, *heads):
        if head is not None:
            scope.bind_expr(head)
    return scope


def _rule_values(rules: Rules, definitions: Iterable[Rule], depth: int) -> Iterator[Value]:
    for rule in definitions:
        if rule.is_function:
            yield UNKNOWN
            continue
        for clause in rule.clauses:
            scope = rule_scope(rules, rule, clause.body, (clause.value,))
            if rule.partial_set:
                yield many(scope.value(rule.key, depth)) if rule.key is not None else UNKNOWN
            elif clause.value is None:
                yield (Known(ScalarKind.BOOLEAN, "true"),)
            else:
                value = scope.value(clause.value, depth)
                yield value if rule.key is None else many(value)


def _value(scope: Scope, expr: Expr, depth: int) -> Value:
    match expr:
        case Scalar(_, kind, text):
            value: Value = (Known(kind, text),)
        case Var(_, name):
            value = scope.lookup(name, depth)
        case Ref():
            value = _ref(scope, expr, depth)
        case Call(_, name, args):
            value = _call(scope, name, args, depth)
        case Collection(_, _, items):
            value = many(union(scope.value(item, depth) for item in items))
        case Object(_, pairs):
            value = _object(scope, pairs, depth)
        case Comprehension(_, _, head, body):
            value = many(scope.inner(body, head).value(head[-1], depth))
        case Binary(_, operator):
            value = _operation(operator)
    return value


def _ref(scope: Scope, ref: Ref, depth: int) -> Value:
    steps = ref.steps
    head = ref.head
    if isinstance(head, Var) and head.name == "data":
        names = [step.key.text for step in steps[:2] if isinstance(step.key, Scalar)]
        if len(names) < len(_PACKAGE) or names[0] != _PACKAGE[1]:
            return UNKNOWN
        value, steps = scope.rules.lookup(names[1], depth), steps[2:]
    else:
        value = scope.value(head, depth)
    for step in steps:
        value = step_into(value, scope.value(step.key, depth))
    return value


def _call(scope: Scope, name: str, args: tuple[Expr, ...], depth: int) -> Value:
    match name, args:
        case "object.get", (source, key, otherwise):
            return union([_got(scope, source, key, depth), scope.value(otherwise, depth)])
        case "array.concat", (left, right):
            return union([scope.value(left, depth), scope.value(right, depth)])
    for known, kind in (
        (_NUMBERS, ScalarKind.NUMBER),
        (_STRINGS, ScalarKind.STRING),
        (_BOOLEANS, ScalarKind.BOOLEAN),
    ):
        if name in known and name not in scope.rules.by_name:
            return (Known(kind),)
    return UNKNOWN


def _got(scope: Scope, source: Expr, key: Expr, depth: int) -> Value:
    """`object.get(source, key, ...)`; a key that is an array is a path."""
    value = scope.value(source, depth)
    keys = key.items if isinstance(key, Collection) and key.kind is Brackets.ARRAY else (key,)
    for one in keys:
        value = step_into(value, scope.value(one, depth))
    return value


def _object(scope: Scope, pairs: tuple[tuple[Expr, Expr], ...], depth: int) -> Value:
    values = [(key, scope.value(value, depth)) for key, value in pairs]
    if len(pairs) <= _MOST_FIELDS and all(isinstance(key, Scalar) for key, _ in values):
        return fields({key.text: value for key, value in values if isinstance(key, Scalar)})
    return many(union(value for _, value in values))


def _operation(operator: str) -> Value:
    if operator in _COMPARISONS:
        return (Known(ScalarKind.BOOLEAN),)
    if operator in {"+", "*", "/", "%"}:
        return (Known(ScalarKind.NUMBER),)
    return UNKNOWN

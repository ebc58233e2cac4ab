"""What `isCompliant` can be, rule by rule. Pure.

A verdict is a boolean, or a set of responses `{"result": ..., "error": ..., "warning": ...}`
of which one with `result: true` is enough (see `evaluator.policies.judge`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from evaluator.lint.analysis import Analysis
from evaluator.lint.scopes import Scope, rule_scope
from evaluator.lint.syntax import (
    Binary,
    Body,
    Clause,
    Collection,
    Condition,
    Expr,
    Object,
    Place,
    Rule,
    Scalar,
    ScalarKind,
    Var,
)
from evaluator.lint.values import Fields, Known, Many, Value
from evaluator.rego.engine import RULE


class Says(Enum):
    """What a rule says where its body holds."""

    YES = "yes"
    NO = "no"
    DEPENDS = "depends"
    WRONG = "wrong"
    """A value that no verdict can be made of."""


@dataclass(frozen=True, slots=True)
class Response:
    """One way to a value of `isCompliant`. `fields`: of a member of a set, where they are known."""

    rule: Rule
    clause: Clause
    scope: Scope
    says: Says
    place: Place
    fields: Fields | None = None

    @property
    def unconditional(self) -> bool:
        """Whether nothing in the body can be false."""
        return self.clause.body is None or _always(self.clause.body)

    @property
    def warns(self) -> bool:
        """Whether it has a warning to give."""
        return self.fields is not None and not _is_empty(self.fields.values.get("warning"))


def responses(analysis: Analysis) -> Iterator[Response]:
    """Every rule of `isCompliant`, each `else` for itself."""
    for rule in analysis.rules.by_name.get(RULE, ()):
        if rule.is_function:
            continue
        for clause in rule.clauses:
            scope = rule_scope(analysis.rules, rule, clause.body, (clause.value,))
            yield _response(rule, clause, scope)


def _response(rule: Rule, clause: Clause, scope: Scope) -> Response:
    if rule.key is None:
        says, place = Says.YES, rule.place
        if clause.value is not None:
            says, place = _boolean(scope.value(clause.value)), clause.value.place
        return Response(rule, clause, scope, says, place)
    if not rule.partial_set:
        return Response(rule, clause, scope, Says.WRONG, rule.key.place)
    value = scope.value(rule.key)
    place = _literal(rule.key, clause.body).place
    if len(value) == 1 and isinstance(value[0], Fields):
        return Response(rule, clause, scope, _result(value[0]), place, value[0])
    wrong = all(isinstance(each, Known | Many) for each in value)
    return Response(rule, clause, scope, Says.WRONG if wrong else Says.DEPENDS, place)


def _boolean(value: Value) -> Says:
    if all(isinstance(each, Known) for each in value):
        texts = {
            each.text if each.kind is ScalarKind.BOOLEAN else "" for each in value if isinstance(each, Known)
        }
        if texts == {""}:
            return Says.WRONG
        return {"true": Says.YES, "false": Says.NO}.get(texts.pop() or "", Says.DEPENDS)
    return Says.WRONG if all(isinstance(each, Known | Fields) for each in value) else Says.DEPENDS


def _result(fields: Fields) -> Says:
    if "result" not in fields.values:
        return Says.NO
    return _boolean(fields.values["result"])


def _literal(key: Expr, body: Body | None) -> Expr:
    """The object that a member is, where it is written out in the body."""
    if isinstance(key, Var) and body is not None:
        for statement in body.statements:
            expr = statement.expr if isinstance(statement, Condition) else None
            if isinstance(expr, Binary) and isinstance(expr.left, Var) and expr.left.name == key.name:
                return expr.right
    return key


def _always(body: Body) -> bool:
    return bool(body.statements) and all(
        isinstance(statement, Condition) and _is_true(statement.expr) for statement in body.statements
    )


def _is_true(expr: Expr) -> bool:
    match expr:
        case Scalar(_, ScalarKind.BOOLEAN, "true"):
            return True
        case Binary(_, ":=" | "=", Var(), right):
            return isinstance(right, Scalar | Object | Collection) and _is_constant(right)
        case Binary(_, "==", Scalar(_, kind, text), Scalar(_, other_kind, other)):
            return (kind, text) == (other_kind, other)
        case _:
            return False


def _is_constant(expr: Expr) -> bool:
    match expr:
        case Scalar():
            return True
        case Object(_, pairs):
            return all(_is_constant(part) for pair in pairs for part in pair)
        case Collection(_, _, items):
            return all(map(_is_constant, items))
        case _:
            return False


def _is_empty(value: Value | None) -> bool:
    return value is None or (len(value) == 1 and isinstance(value[0], Known) and value[0].text == "")

"""Check for "some" where "all" was meant: a body that passes holds for any one element that it chooses."""

from collections.abc import Iterator

from evaluator.lint.document import ITEM, Missing, Path, is_collection, shown, type_at
from evaluator.lint.finding import Check, Finding, Severity
from evaluator.lint.responses import Says, responses
from evaluator.lint.scopes import Scope, rule_scope
from evaluator.lint.subject import Subject
from evaluator.lint.syntax import (
    Binary,
    Body,
    Condition,
    Expr,
    Negation,
    Place,
    Ref,
    SomeIn,
    Statement,
    Step,
    Var,
)
from evaluator.lint.values import At, Many, Value, step_into
from evaluator.lint.walking import open_parts

SOME_NOT_ALL = Check(
    "TOC401", "some-not-all", Severity.WARNING,
    "Passes when any one element is fine, not when all are",
    "`x := list[_]` and `some x in list` choose one element for which the rest holds. In a rule that makes "
    "the resource pass, one good container hides all the bad ones, also with `not` in the next line.",
    bad='image := input.spec.containers[_].image; not contains(image, "evil")',
    good='count([i | i := input.spec.containers[_].image; contains(i, "evil")]) == 0',
)  # fmt: skip
CHECKS = (SOME_NOT_ALL,)

_ITEMS = {"config": "platform"}


def find(subject: Subject) -> Iterator[Finding]:
    """All findings of this module's check."""
    for body, scope in _passing_bodies(subject):
        yield from _choices(subject, body, scope)


def _passing_bodies(subject: Subject) -> Iterator[tuple[Body, Scope]]:
    """Bodies that make a resource pass: of `isCompliant`, and of what they ask for as it is."""
    from_responses = [
        (response.clause.body, response.scope)
        for response in responses(subject.analysis)
        if response.says in {Says.YES, Says.DEPENDS}
    ]
    waiting = [(body, scope) for body, scope in from_responses if body is not None]
    seen: set[str] = set()
    while waiting:
        body, scope = waiting.pop()
        yield body, scope
        for name in _asked(body):
            if name not in seen and name not in scope.names:
                seen.add(name)
                waiting += _bodies_of(subject, name)


def _asked(body: Body) -> Iterator[str]:
    """Names of rules that stand as conditions by themselves, or are compared with true."""
    for statement in body.statements:
        if not isinstance(statement, Condition):
            continue
        match statement.expr:
            case Var(_, name):
                yield name
            case Binary(_, "==", Var(_, name), right) if getattr(right, "text", "") == "true":
                yield name
            case _:
                pass


def _bodies_of(subject: Subject, name: str) -> list[tuple[Body, Scope]]:
    return [
        (clause.body, rule_scope(subject.analysis.rules, rule, clause.body, (clause.value,)))
        for rule in subject.analysis.rules.by_name.get(name, ())
        for clause in rule.clauses
        if clause.body is not None and rule.key is None and not rule.is_function and not rule.default
    ]


def _choices(subject: Subject, body: Body, scope: Scope) -> Iterator[Finding]:
    for statement in body.statements:
        match statement:
            case SomeIn(place, _, Var(_, name), domain):
                listed = _list_of(subject, scope.value(domain))
                if listed and _used(name, body, statement):
                    yield _finding(place, listed, subject.source(domain), body)
            case Condition(_, expr):
                yield from _in_condition(subject, expr, body, scope, statement)
            case _:
                pass


def _in_condition(
    subject: Subject, expr: Expr, body: Body, scope: Scope, statement: Statement
) -> Iterator[Finding]:
    """Choices inside an expression; a reference that stands alone only asks whether there is one."""
    if isinstance(expr, Ref):
        return
    assigned = isinstance(expr, Binary) and expr.operator in {":=", "="} and isinstance(expr.left, Var)
    for part in open_parts(expr):
        if isinstance(part, Ref) and (found := _chosen(subject, part, scope)):
            name = (
                expr.left.name if assigned and isinstance(expr, Binary) and isinstance(expr.left, Var) else ""
            )
            if name and not _used(name, body, statement) and _is_right_of(expr, part):
                continue
            yield _finding(part.place, *found, body)
            return


def _is_right_of(expr: Expr, part: Expr) -> bool:
    """Whether the part is all that stands on the right."""
    return isinstance(expr, Binary) and expr.right is part


def _chosen(subject: Subject, ref: Ref, scope: Scope) -> tuple[str, str] | None:
    """The list that a reference chooses an element of: as a path, and as it is written."""
    value = scope.value(ref.head)
    for index, step in enumerate(ref.steps):
        if _is_choice(step, scope):
            listed = _list_of(subject, value)
            if listed:
                before = Ref(
                    Place(ref.place.line, ref.place.column, ref.place.start, step.place.start),
                    ref.head,
                    ref.steps[:index],
                )
                return listed, subject.source(before)
        value = step_into(value, scope.value(step.key))
    return None


def _is_choice(step: Step, scope: Scope) -> bool:
    """Whether a step tries every key: `[_]`, or a variable that nothing else gives a value."""
    return isinstance(step.key, Var) and not scope.bindings.get(step.key.name)


def _list_of(subject: Subject, value: Value) -> str:
    """The list of the input document that a value holds elements of; empty where it is none."""
    for each in value:
        match each:
            case At(path) if found := _collection_in(path, subject.analysis.kinds):
                return shown(found)
            case Many(inside):
                paths = [one.path for one in inside if isinstance(one, At) and ITEM in one.path]
                if paths and len(paths) == len(inside):
                    return shown(paths[0][: len(paths[0]) - paths[0][::-1].index(ITEM) - 1])
    return ""


def _collection_in(path: Path, kinds: tuple[str, ...]) -> Path:
    """The path, where a list stands there; or the list in it that is read as if it were an object."""
    if is_collection(path, kinds):
        return path
    for kind in kinds:
        found = type_at(path, kind)
        if isinstance(found, Missing) and found.type.startswith("[]"):
            return found.path
    return ()


def _finding(place: Place, listed: str, source: str, body: Body) -> Finding:
    denies = any(isinstance(statement, Negation) for statement in body.statements)
    field = listed.rpartition(".")[2]
    item = _ITEMS.get(field, field.removesuffix("s")) if field.isalpha() else "item"
    if source.startswith("input."):
        source = listed
    message = f"passes when one {item} of {listed} is fine, not when all are"
    if denies:
        message += ": `not` is asked of the chosen one only"
    fix = (
        f"write `every {item} in {source} {{ ... }}` (import rego.v1), or count the bad ones: "
        f"`count([{item} | {item} := {source}[_]; BAD]) == 0`"
    )
    return SOME_NOT_ALL.at(place, message, fix)


def _used(name: str, body: Body, binding: Statement) -> bool:
    """Whether a variable is asked about in another statement, and not only given a name."""
    others = [statement for statement in body.statements if statement is not binding]
    return any(_mentions(statement, name) for statement in others)


def _mentions(statement: Statement, name: str) -> bool:
    match statement:
        case Condition(_, expr):
            return any(isinstance(part, Var) and part.name == name for part in open_parts(expr))
        case Negation(_, inner):
            return _mentions(inner, name)
        case SomeIn(_, _, _, domain):
            return any(isinstance(part, Var) and part.name == name for part in open_parts(domain))
        case _:
            return False

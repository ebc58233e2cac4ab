"""Checks of comparisons: with a type that can never be equal, or blind to an absent field."""

from collections.abc import Iterator

from evaluator.lint.analysis import Site
from evaluator.lint.document import only_type
from evaluator.lint.finding import Check, Finding, Severity
from evaluator.lint.kinds import fields_of
from evaluator.lint.subject import Subject
from evaluator.lint.syntax import Binary, Expr, Ref, ScalarKind
from evaluator.lint.values import At, Known, Value

BOOLEAN_AS_STRING = Check(
    "TOC301", "boolean-as-string", Severity.ERROR,
    "A boolean field is compared with a string",
    'true and "true" are different values in Rego: the comparison never holds, whatever the object says.',
    bad='input.spec.hostNetwork == "false"', good="not input.spec.hostNetwork",
)  # fmt: skip
NUMBER_AS_STRING = Check(
    "TOC302", "number-as-string", Severity.ERROR,
    "A number field is compared with a string",
    '0 and "0" are different values in Rego, and every string is larger than every number.',
    bad='port.hostPort == "0"', good="port.hostPort == 0",
)  # fmt: skip
NEVER_EQUAL = Check(
    "TOC303", "never-equal", Severity.ERROR,
    "A field is compared with a value of another type",
    "Values of different types are never equal in Rego.",
    bad="container.image == 5", good='container.image == "nginx:1.29"',
)  # fmt: skip
ABSENT_FALSE = Check(
    "TOC304", "absent-false", Severity.WARNING,
    "An absent field is undefined, not false",
    "Kubernetes leaves false out: the API server gives hostNetwork only where it is true. The comparison is "
    "undefined, not true, for nearly every object.",
    bad="input.spec.hostNetwork == false", good="not input.spec.hostNetwork",
)  # fmt: skip
ABSENT_TRUE = Check(
    "TOC305", "absent-true", Severity.WARNING,
    "An absent field means true, and is not seen",
    "Some fields are true where nobody sets them: allowPrivilegeEscalation, automountServiceAccountToken, "
    "enableServiceLinks, hostUsers. A test for true is undefined for them.",
    bad="c.securityContext.allowPrivilegeEscalation == true",
    good="not c.securityContext.allowPrivilegeEscalation == false",
)  # fmt: skip
CHECKS = (BOOLEAN_AS_STRING, NUMBER_AS_STRING, NEVER_EQUAL, ABSENT_FALSE, ABSENT_TRUE)

_EQUALITIES = ("==", "!=", "=")
_ORDERS = ("<", "<=", ">", ">=")


def find(subject: Subject) -> Iterator[Finding]:
    """All findings of this module's checks."""
    for site in subject.analysis.sites:
        expr = site.expr
        if isinstance(expr, Binary) and expr.operator in _EQUALITIES + _ORDERS:
            for field, other in ((expr.left, expr.right), (expr.right, expr.left)):
                yield from _comparison(subject, site, expr, field, other)
        elif isinstance(expr, Ref) and site.whole and _type(subject, site, expr) == "boolean=true":
            yield _absent_true(subject, expr, expr, whole=True)


def _comparison(subject: Subject, site: Site, expr: Binary, field: Expr, other: Expr) -> Iterator[Finding]:
    type_ = _type(subject, site, field)
    constant = _constant(site.scope.value(other))
    if type_ in {"any", "quantity"} or constant is None:
        return
    if _class(type_) != constant.kind:
        if constant.kind is not ScalarKind.NULL and (expr.operator in _EQUALITIES or type_ == "number"):
            yield _mismatch(subject, expr, field, other, type_, constant)
    elif constant.kind is ScalarKind.BOOLEAN and expr.operator in _EQUALITIES:
        asks_false = (constant.text == "false") != (expr.operator == "!=")
        if asks_false and type_ == "boolean=false":
            yield ABSENT_FALSE.at(
                expr.place,
                f"where {_last(field, subject)} is absent, which is how Kubernetes says false, "
                f"`{subject.source(expr)}` is undefined",
                f"write `{_negated(subject.source(field))}`, which holds for false and for absent",
            )
        elif not asks_false and type_ == "boolean=true":
            yield _absent_true(subject, expr, field)


def _absent_true(subject: Subject, expr: Expr, field: Expr, *, whole: bool = False) -> Finding:
    source = subject.source(field)
    shown = source if whole else subject.source(expr)
    return ABSENT_TRUE.at(
        expr.place,
        f"where {_last(field, subject)} is absent, which Kubernetes reads as true, `{shown}` does not see it",
        f"write `not {source} == false`",
    )


def _mismatch(
    subject: Subject, expr: Binary, field: Expr, other: Expr, type_: str, constant: Known
) -> Finding:
    name, shown = subject.source(field), subject.source(other)
    kind = _class(type_)
    always = "always holds where the field is there" if expr.operator == "!=" else "never holds"
    message = (
        f"{name} is {_article(kind)}, {shown} is {_article(constant.kind)}: `{subject.source(expr)}` {always}"
    )
    if expr.operator in _ORDERS:
        message = (
            f"{name} is {_article(kind)}, {shown} is {_article(constant.kind)}: strings are above all numbers"
        )
    text = constant.text or ""
    if kind == "boolean":
        says_true = text.strip().lower() in {"true", "yes", "1"}
        wants_true = says_true != (expr.operator == "!=")
        fix = f"write `{name if wants_true else _negated(name)}`"
        if not wants_true:
            fix += ": an absent field is undefined, not false"
        return (BOOLEAN_AS_STRING if constant.kind is ScalarKind.STRING else NEVER_EQUAL).at(
            expr.place, message, fix
        )
    if kind == "number" and constant.kind is ScalarKind.STRING:
        number = text if text.strip().lstrip("-").isdigit() else "a number"
        return NUMBER_AS_STRING.at(expr.place, message, f"write `{name} {expr.operator} {number}`")
    return NEVER_EQUAL.at(expr.place, message, f"compare it with {_article(kind)}")


def _type(subject: Subject, site: Site, expr: Expr) -> str:
    """The type of a field; `any` for what is none, or not surely one."""
    found = set()
    for each in site.scope.value(expr):
        if not isinstance(each, At):
            return "any"
        found.add(only_type(each.path, subject.analysis.kinds))
    return found.pop() if len(found) == 1 else "any"


def _constant(value: Value) -> Known | None:
    """What a value surely is: a constant, or all that is known is its type."""
    kinds = {each.kind if isinstance(each, Known) else None for each in value}
    first = value[0]
    return first if len(kinds) == 1 and isinstance(first, Known) else None


def _class(type_: str) -> str:
    base = type_.partition("=")[0]
    if base.startswith("[]"):
        return "list"
    if base.startswith("{}") or fields_of(base):
        return "object"
    return base


def _article(kind: str) -> str:
    return kind if kind == "null" else f"an {kind}" if kind == "object" else f"a {kind}"


def _negated(source: str) -> str:
    return f"not {source}"


def _last(field: Expr, subject: Subject) -> str:
    if isinstance(field, Ref) and field.steps[-1].dotted:
        place = field.steps[-1].place
        return subject.analysis.module.text[place.start : place.end]
    return subject.source(field)

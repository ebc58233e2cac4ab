"""A policy's text, worked out once for all checks: every expression with its scope, every path read. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from evaluator.lint.document import Path
from evaluator.lint.scopes import Member, Rules, Scope, rule_scope, rules_of
from evaluator.lint.syntax import (
    Binary,
    Body,
    Call,
    Clause,
    Collection,
    Comprehension,
    Condition,
    Every,
    Expr,
    Module,
    Negation,
    Object,
    Place,
    Ref,
    Rule,
    Some,
    SomeIn,
    Statement,
    Var,
)
from evaluator.lint.values import At


@dataclass(frozen=True, slots=True)
class Site:
    """An expression where it stands. `negated`: below a `not`. `whole`: all there is of a statement."""

    expr: Expr
    scope: Scope
    rule: Rule
    negated: bool = False
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Read:
    """A path of the input document that the text names.

    `exact`: nothing else can be meant. `direct`: by a reference, not by a variable that holds it.
    """

    path: Path
    place: Place
    exact: bool
    direct: bool


@dataclass(frozen=True, slots=True)
class Analysis:
    """`kinds`: of the resources that the policy is about."""

    module: Module
    rules: Rules
    kinds: tuple[str, ...]
    sites: tuple[Site, ...]
    reads: tuple[Read, ...]


def analyse(module: Module, kinds: tuple[str, ...]) -> Analysis:
    """Work out a module."""
    rules = rules_of(module)
    sites = tuple(
        site
        for rule in module.rules
        for clause in rule.clauses
        for site in _clause(rule, clause, rule_scope(rules, rule, clause.body, (clause.value,)))
    )
    return Analysis(module, rules, kinds, sites, tuple(_reads(sites)))


def _reads(sites: tuple[Site, ...]) -> Iterator[Read]:
    for site in sites:
        if isinstance(site.expr, Ref | Var) or (
            isinstance(site.expr, Call) and site.expr.name == "object.get"
        ):
            value = site.scope.value(site.expr)
            paths = [each.path for each in value if isinstance(each, At)]
            for path in paths:
                yield Read(
                    path, site.expr.place, exact=len(value) == 1, direct=not isinstance(site.expr, Var)
                )


def _clause(rule: Rule, clause: Clause, scope: Scope) -> Iterator[Site]:
    for head in (*(rule.args or ()), rule.key, clause.value):
        if head is not None:
            yield from _parts(Site(head, scope, rule))
    if clause.body is not None:
        yield from _body(clause.body, scope, rule)


def _body(body: Body, scope: Scope, rule: Rule, *, negated: bool = False) -> Iterator[Site]:
    for statement in body.statements:
        yield from _statement(statement, scope, rule, negated=negated)


def _statement(statement: Statement, scope: Scope, rule: Rule, *, negated: bool) -> Iterator[Site]:
    match statement:
        case Condition(_, expr, modifiers):
            yield from _parts(Site(expr, scope, rule, negated, whole=True))
            for modifier in modifiers:
                yield from _parts(Site(modifier, scope, rule, negated))
        case Negation(_, inner):
            yield from _statement(inner, scope, rule, negated=True)
        case SomeIn(_, key, value, domain):
            for part in (key, value, domain):
                if part is not None:
                    yield from _parts(Site(part, scope, rule, negated))
        case Every(_, key, value, domain, body):
            yield from _parts(Site(domain, scope, rule, negated))
            yield from _body(body, every_scope(scope, key, value, domain, body), rule, negated=negated)
        case Some():
            pass


def every_scope(scope: Scope, key: Var | None, value: Var, domain: Expr, body: Body) -> Scope:
    """The scope inside `every`."""
    inner = scope.inner(body)
    inner.add(value.name, Member(domain))
    if key is not None:
        inner.add(key.name)
    return inner


def _parts(site: Site) -> Iterator[Site]:
    """An expression and everything in it, comprehensions in scopes of their own."""
    yield site
    expr, scope, rule, negated = site.expr, site.scope, site.rule, site.negated
    parts: tuple[Expr, ...] = ()
    match expr:
        case Ref(_, head, steps):
            parts = (
                *(() if isinstance(head, Var) else (head,)),
                *(step.key for step in steps if not step.dotted),
            )
        case Call(_, _, args):
            parts = args
        case Collection(_, _, items):
            parts = items
        case Object(_, pairs):
            parts = tuple(part for pair in pairs for part in pair)
        case Binary(_, _, left, right):
            parts = (left, right)
        case Comprehension(_, _, head_parts, body):
            scope = scope.inner(body, head_parts)
            yield from _body(body, scope, rule, negated=negated)
            parts = head_parts
        case _:
            pass
    for part in parts:
        yield from _parts(Site(part, scope, rule, negated))

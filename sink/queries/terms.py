"""Names as users ask for them: `shop`, `team-*`, `!kube-*`, several with commas. Pure: builds SQL only."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Text, and_, bindparam, false, not_, or_
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import Boolean

_NOT = "!"
_WILD = frozenset("*?")


@dataclass(frozen=True, slots=True)
class Term:
    """A name or a glob (`*` any characters, `?` one), or what must not be so."""

    text: str
    negated: bool = False

    @property
    def wild(self) -> bool:
        """Whether it is a glob."""
        return not _WILD.isdisjoint(self.text)


def terms(given: Iterable[str]) -> tuple[Term, ...]:
    """What was given, taken apart at commas. Empty parts say nothing."""
    return tuple(
        Term(part.removeprefix(_NOT), part.startswith(_NOT))
        for each in given
        for part in map(str.strip, each.split(","))
        if part.removeprefix(_NOT)
    )


def any_of(
    wanted: Iterable[Term], matches: Callable[[Term], ColumnElement[bool]]
) -> Iterator[ColumnElement[bool]]:
    """One of those that are wanted, and none of those that are not."""
    listed = list(wanted)
    positive = [matches(term) for term in listed if not term.negated]
    if positive:
        yield or_(false(), *positive)
    for term in listed:
        if term.negated:
            yield not_(matches(term))


def named(column: ColumnElement[Any], wanted: Iterable[Term]) -> Iterator[ColumnElement[bool]]:
    """A column by its terms, in the case they have."""
    listed = list(wanted)
    plain = [term.text for term in listed if not term.negated and not term.wild]
    others = [equals(column, term) for term in listed if not term.negated and term.wild]
    if plain or others:
        yield or_(*([column.in_(plain)] if plain else ()), *others)
    for term in listed:
        if term.negated:
            yield not_(equals(column, term))


def equals(column: ColumnElement[Any], term: Term) -> ColumnElement[bool]:
    """Whether a column is as a term says, negated or not."""
    return Glob(column, term.text) if term.wild else column == term.text


def path(first: ColumnElement[Any], last: ColumnElement[Any], term: Term) -> ColumnElement[bool]:
    """`last` or `first/last`, such as a kind (in any case: give it in lower case) and a name."""
    kind, _, name = term.text.rpartition("/")
    here = equals(last, Term(name))
    return and_(equals(first, Term(kind.lower())), here) if kind else here


class Glob(ColumnElement[bool]):
    """`column` matches a pattern as a whole, in the case it has: LIKE on PostgreSQL, GLOB on SQLite."""

    inherit_cache = False
    type = Boolean()

    def __init__(self, column: ColumnElement[Any], pattern: str) -> None:
        self.column = column
        self.pattern = pattern


@compiles(Glob, "postgresql")
def _like(element: Glob, compiler: SQLCompiler, **options: Any) -> str:
    escaped = element.pattern
    for special in ("\\", "%", "_"):
        escaped = escaped.replace(special, f"\\{special}")
    wanted = escaped.replace("*", "%").replace("?", "_")
    return _rendered(element, "LIKE", wanted, compiler, options)


@compiles(Glob, "sqlite")
def _glob(element: Glob, compiler: SQLCompiler, **options: Any) -> str:
    return _rendered(element, "GLOB", element.pattern.replace("[", "[[]"), compiler, options)


def _rendered(element: Glob, operator: str, pattern: str, compiler: SQLCompiler, options: Any) -> str:
    bound = bindparam(None, pattern, type_=Text(), unique=True)
    return f"{compiler.process(element.column, **options)} {operator} {compiler.process(bound, **options)}"

"""Which violations a query is about. Pure: builds SQL, runs none."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, assert_never

from sqlalchemy import ColumnElement, and_, func, not_, or_, select, tuple_
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from sink.queries.labels import Requirement, labelled
from sink.queries.terms import Term, any_of, equals, named, path
from sink.queries.words import State
from sink.spans import Resolution
from sink.tables import policies, violations

_COLUMNS = violations.c
IS_WAIVED = and_(_COLUMNS.resolution == Resolution.WAIVED.value, _COLUMNS.waiver_ended_at.is_(None))
"""That a waiver covers a violation now; as an index has it."""


def is_covered(now: datetime) -> ColumnElement[bool]:
    """Likewise, and that the waiver is not over: nobody may have evaluated since its end."""
    return and_(IS_WAIVED, _COLUMNS.waiver_expires_at > now)


_KIND = func.lower(_COLUMNS.kind)
_WORKLOAD_KIND = func.lower(_COLUMNS.workload_kind)


@dataclass(frozen=True, slots=True)
class Filter:
    """Each field narrows; several terms of one field are alternatives, less those that are negated."""

    state: State = State.OPEN
    clusters: tuple[Term, ...] = ()
    policies: tuple[Term, ...] = ()
    namespaces: tuple[Term, ...] = ()
    kinds: tuple[Term, ...] = ()
    """In any case."""
    names: tuple[Term, ...] = ()
    modes: tuple[str, ...] = ()
    severities: tuple[Term, ...] = ()
    """Of the policy as it is loaded now, in any case."""
    owners: tuple[Term, ...] = ()
    """`name` or `kind/name` of a workload; a resource that nobody owns is its own."""
    images: tuple[Term, ...] = ()
    """Parts of image names, in any case."""
    labels: tuple[Requirement, ...] = ()
    """Of the resource, all of them."""
    since: datetime | None = None
    """Opened then or later; of resolved ones: resolved."""
    until: datetime | None = None
    """Opened before then; of resolved ones: resolved."""


def conditions(wanted: Filter) -> Iterator[ColumnElement[bool]]:
    """The filter as SQL."""
    yield from _state(wanted.state)
    for column, names in (
        (_COLUMNS.cluster, wanted.clusters),
        (_COLUMNS.policy, wanted.policies),
        (_COLUMNS.namespace, wanted.namespaces),
        (_COLUMNS.name, wanted.names),
        (_KIND, _lower(wanted.kinds)),
    ):
        yield from named(column, names)
    if wanted.modes:
        yield _COLUMNS.mode.in_(wanted.modes)
    yield from any_of(wanted.owners, lambda term: path(_WORKLOAD_KIND, _COLUMNS.workload_name, term))
    yield from of_severity(_COLUMNS.cluster, _COLUMNS.policy, wanted.severities)
    yield from labelled(_COLUMNS.resource_key, wanted.labels)
    yield from any_of(_lower(wanted.images), _open_with_image if wanted.state is State.OPEN else _has_image)
    moment = _COLUMNS.resolved_at if wanted.state is State.RESOLVED else _COLUMNS.opened_at
    if wanted.since is not None:
        yield moment >= wanted.since
    if wanted.until is not None:
        yield moment < wanted.until


def _state(state: State) -> Iterator[ColumnElement[bool]]:
    match state:
        case State.OPEN:
            yield _COLUMNS.resolved_at.is_(None)
        case State.RESOLVED:
            yield _COLUMNS.resolved_at.is_not(None)
        case State.WAIVED:
            yield IS_WAIVED
        case State.ALL:
            pass
        case _:
            assert_never(state)


def _lower(wanted: tuple[Term, ...]) -> tuple[Term, ...]:
    return tuple(Term(term.text.lower(), term.negated) for term in wanted)


def of_severity(
    cluster: ColumnElement[str], policy: ColumnElement[str], wanted: tuple[Term, ...]
) -> Iterator[ColumnElement[bool]]:
    """Of policies of these severities, as they are loaded now."""

    def is_severe(term: Term) -> ColumnElement[bool]:
        severity = func.lower(policies.c.severity)
        found = select(policies.c.cluster, policies.c.name).where(equals(severity, term))
        return tuple_(cluster, policy).in_(found)

    return any_of(_lower(wanted), is_severe)


def _has_image(term: Term) -> ColumnElement[bool]:
    return _in_images(_COLUMNS, term)


def _open_with_image(term: Term) -> ColumnElement[bool]:
    """From an index that holds all that it takes; rows are read only where the images are too many for it."""
    found, others = violations.alias("with_image").c, violations.alias("with_others").c
    in_key = equals(found.image_key, Term(f"*{term.text}*"))
    without = select(others.id).where(
        others.resolved_at.is_(None), others.image_key.is_(None), not_(_in_images(others, term))
    )
    perhaps = (found.resolved_at.is_(None), or_(in_key, found.image_key.is_(None)))
    return _COLUMNS.id.in_(select(found.id).where(*perhaps, found.id.not_in(without)))


def _in_images(columns: "ReadOnlyColumnCollection[str, Any]", term: Term) -> ColumnElement[bool]:
    part = Term(f"*{term.text}*")
    return or_(equals(func.lower(columns.images), part), equals(func.lower(columns.image), part))

"""Which violations a query is about, and in which order. Pure: builds SQL, runs none."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, assert_never

from sqlalchemy import ColumnElement, and_, func, literal, or_, tuple_

from sink.queries.words import Sort, State
from sink.tables import violations

_COLUMNS = violations.c


@dataclass(frozen=True, slots=True)
class Filter:
    """Each field narrows; several values of one field are alternatives."""

    state: State = State.OPEN
    clusters: tuple[str, ...] = ()
    policies: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    """In any case."""
    modes: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    """`name` or `kind/name`; a resource that nobody owns counts as its own owner."""
    images: tuple[str, ...] = ()
    """Parts of image names, in any case."""
    since: datetime | None = None
    """Opened since then; of resolved ones: resolved since then."""


def conditions(wanted: Filter) -> Iterator[ColumnElement[bool]]:
    """The filter as SQL."""
    match wanted.state:
        case State.OPEN:
            yield _COLUMNS.resolved_at.is_(None)
        case State.RESOLVED:
            yield _COLUMNS.resolved_at.is_not(None)
        case State.ALL:
            pass
        case _:
            assert_never(wanted.state)
    for column, values in (
        (_COLUMNS.cluster, wanted.clusters),
        (_COLUMNS.policy, wanted.policies),
        (_COLUMNS.namespace, wanted.namespaces),
        (_COLUMNS.mode, wanted.modes),
    ):
        if values:
            yield column.in_(values)
    if wanted.kinds:
        yield func.lower(_COLUMNS.kind).in_([kind.lower() for kind in wanted.kinds])
    if wanted.owners:
        yield or_(*map(_is_owned_by, wanted.owners))
    if wanted.images:
        yield or_(*map(_has_image, wanted.images))
    if wanted.since is not None:
        moment = _COLUMNS.resolved_at if wanted.state is State.RESOLVED else _COLUMNS.opened_at
        yield moment >= wanted.since


def _is_owned_by(owner: str) -> ColumnElement[bool]:
    kind, _, name = owner.rpartition("/")
    return or_(
        and_(_COLUMNS.owner_name == name, *_is_kind(_COLUMNS.owner_kind, kind)),
        and_(_COLUMNS.owner_name == "", _COLUMNS.name == name, *_is_kind(_COLUMNS.kind, kind)),
    )


def _is_kind(column: ColumnElement[str], kind: str) -> list[ColumnElement[bool]]:
    return [func.lower(column) == kind.lower()] if kind else []


def _has_image(part: str) -> ColumnElement[bool]:
    return or_(
        _COLUMNS.images.icontains(part, autoescape=True), _COLUMNS.image.icontains(part, autoescape=True)
    )


_ORDERS: dict[Sort, tuple[tuple[str, ...], bool]] = {
    Sort.NEWEST: (("opened_at", "id"), True),
    Sort.OLDEST: (("opened_at", "id"), False),
    Sort.RESOURCE: (("cluster", "namespace", "kind", "name", "policy", "id"), False),
    Sort.POLICY: (("policy", "cluster", "namespace", "kind", "name", "id"), False),
}
"""Columns, all in one direction (so that rows compare as tuples), and whether downwards.

Each ends with the id, so that a page begins exactly where the last one ended.
"""


def order(sort: Sort) -> list[ColumnElement[Any]]:
    """What to order by."""
    names, downwards = _ORDERS[sort]
    return [_COLUMNS[name].desc() if downwards else _COLUMNS[name].asc() for name in names]


def key_of(sort: Sort, row: Any) -> tuple[Any, ...]:
    """Where a row is in the order."""
    return tuple(row[name] for name in _ORDERS[sort][0])


def after(sort: Sort, key: tuple[Any, ...]) -> ColumnElement[bool]:
    """Rows that come later in the order than `key`."""
    names, downwards = _ORDERS[sort]
    columns = [_COLUMNS[name] for name in names]
    here = tuple_(*columns)
    there = tuple_(*(literal(value, column.type) for value, column in zip(key, columns, strict=True)))
    return here < there if downwards else here > there

"""How far back the record goes: what was before it is not known, and nothing to compare with."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.engine import Connection

from sink.queries.filters import Filter, conditions
from sink.queries.reading import page
from sink.queries.terms import named
from sink.queries.words import State
from sink.tables import resources, violations

_Record = tuple[ColumnElement[datetime], Sequence[ColumnElement[bool]]]


def recorded_since(connection: Connection, wanted: Filter) -> datetime | None:
    """When the first thing was recorded; None where there is nothing.

    Of the clusters and namespaces asked for: a policy that is new does not begin a record.
    """
    found = [
        row["first"]
        for moment, where in _records(wanted)
        for row in page(connection, select(func.min(moment, type_=moment.type).label("first")).where(*where))
    ]
    return min((each for each in found if each is not None), default=None)


def begins_after(connection: Connection, wanted: Filter, since: datetime) -> datetime | None:
    """When the record began, where that was after `since`; None where it goes back as far, or is empty.

    Seldom more than a look: a record is mostly older than what is asked for.
    """
    for moment, where in _records(wanted):
        if page(connection, select(moment.label("moment")).where(moment <= since, *where).limit(1)):
            return None
    return recorded_since(connection, wanted)


def _records(wanted: Filter) -> Iterator[_Record]:
    places = replace(Filter(state=State.ALL), clusters=wanted.clusters, namespaces=wanted.namespaces)
    yield violations.c.opened_at, [*conditions(places)]
    yield resources.c.first_seen_at, [*of_place(wanted)]


def of_place(wanted: Filter) -> Iterator[ColumnElement[bool]]:
    """Resources of the clusters and namespaces asked for."""
    yield from named(resources.c.cluster, wanted.clusters)
    yield from named(resources.c.namespace, wanted.namespaces)

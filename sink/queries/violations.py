"""Violations, by filter and by id."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from sqlalchemy import func, select
from sqlalchemy.engine import Connection, RowMapping

from sink.database import translated
from sink.queries.filters import Filter, after, conditions, key_of, order
from sink.queries.model import Owner, Resource, Violation
from sink.queries.reader import Reader
from sink.queries.words import Sort
from sink.tables import violations

T = TypeVar("T")

_PAGE = 1000
"""Rows in one query: a slow reader of the output holds no snapshot of the database between two."""

_CANDIDATES = 5
"""Of a prefix that is not unambiguous, to show."""


async def list_violations(
    reader: Reader,
    wanted: Filter,
    sort: Sort,
    limit: int | None,
    into: Callable[[Iterator[Violation]], T],
    page: int = _PAGE,
) -> T:
    """Hand the violations to `into`, at most `limit`, one after the other as it asks for them."""
    return await reader.run(lambda connection: into(_rows(connection, wanted, sort, limit, page)))


def _rows(
    connection: Connection, wanted: Filter, sort: Sort, limit: int | None, page: int
) -> Iterator[Violation]:
    query = select(violations).where(*conditions(wanted)).order_by(*order(sort))
    left = limit
    last: tuple[Any, ...] | None = None
    while left is None or left > 0:
        size = page if left is None else min(page, left)
        rows = _page(connection, query if last is None else query.where(after(sort, last)), size)
        yield from map(_violation, rows)
        if len(rows) < size:
            return
        last = key_of(sort, rows[-1])
        left = None if left is None else left - size


def _page(connection: Connection, query: Any, size: int) -> Sequence[RowMapping]:
    with translated(connection.engine.url), connection.begin():
        return connection.execute(query.limit(size)).mappings().all()


async def find_violations(reader: Reader, prefix: str) -> list[Violation]:
    """Those whose id begins so; no more than a user wants to choose among."""
    found = violations.c.id.startswith(prefix, autoescape=True)
    query = select(violations).where(found).order_by(violations.c.id)
    rows = await reader.run(lambda connection: _page(connection, query, _CANDIDATES))
    return [_violation(row) for row in rows]


async def earlier_spans(reader: Reader, violation: Violation) -> int:
    """How many times the same resource violated the same policy before."""
    same = select(violations.c.verdict_key).where(violations.c.id == violation.id).scalar_subquery()
    before = (violations.c.verdict_key == same) & (violations.c.opened_at < violation.opened_at)
    query = select(func.count().label("count")).select_from(violations).where(before)
    (row,) = await reader.run(lambda connection: _page(connection, query, 1))
    return int(row["count"])


def _violation(row: RowMapping) -> Violation:
    return Violation(
        id=row["id"],
        cluster=row["cluster"],
        resource=Resource(
            api_version=row["api_version"], kind=row["kind"], namespace=row["namespace"], name=row["name"]
        ),
        owner=Owner(kind=row["owner_kind"], name=row["owner_name"]) if row["owner_name"] else None,
        policy=row["policy"],
        policy_title=row["title"],
        mode=row["mode"],
        outcome=row["outcome"],
        message=row["message"],
        warning=row["warning"],
        images=tuple(row["images"].split("\n")) if row["images"] else (),
        image=row["image"] or None,
        file=row["file"] or None,
        explanation=row["explanation"],
        opened_at=row["opened_at"],
        last_seen_at=row["last_seen_at"],
        resolved_at=row["resolved_at"],
        resolution=row["resolution"],
    )

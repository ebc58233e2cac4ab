"""Violations one by one: lists by filter, pages about one."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from itertools import chain
from typing import TypeVar

from sqlalchemy import Select, case, func, not_, select
from sqlalchemy.engine import Connection

from sink.queries import orders
from sink.queries.filters import Filter, conditions, is_covered
from sink.queries.model import Detail, Occurrence, Policy, Span, Violation
from sink.queries.reader import Reader
from sink.queries.reading import attributes, page, violation
from sink.queries.words import Sort, State
from sink.tables import violations

T = TypeVar("T")

PAGE = 1000
"""Rows in one query: a slow reader of the output holds no snapshot of the database between two."""

_CANDIDATES = 5
"""Of a prefix that is not unambiguous, to show."""

_EARLIER = 5
"""Earlier spans on the page of a violation: `history` has all."""


async def list_violations(
    reader: Reader,
    wanted: Filter,
    sort: Sort,
    limit: int | None,
    into: Callable[[Iterator[Violation]], T],
    size: int = PAGE,
    start: str = "",
) -> tuple[T, str]:
    """Hand the violations to `into`, at most `limit`, one after the other as it asks for them.

    Returns its answer, and the token to go on with where there are more. `start`: such a token.
    """
    listing = _Listing(wanted, sort, start)
    answer = await reader.run(lambda connection: into(listing.rows(connection, limit, size)))
    return answer, listing.rest


class _Listing:
    """One run through a list, and where it ended."""

    def __init__(self, wanted: Filter, sort: Sort, start: str) -> None:
        self._columns, self._downwards = orders.columns(sort, wanted.state)
        self._about = (sort.value, wanted.state.value)
        by = orders.order(self._columns, downwards=self._downwards)
        self._query = select(violations).where(*conditions(wanted)).order_by(*by)
        self._start = orders.key_of(start, self._about, self._columns) if start else None
        self.rest = ""

    def rows(self, connection: Connection, limit: int | None, size: int) -> Iterator[Violation]:
        left, last = limit, self._start
        while left is None or left > 0:
            asked = size if left is None else min(size, left)
            found = page(connection, self._after(last).limit(asked + 1))  # one more: is this the end?
            yield from map(violation, found[:asked])
            if len(found) <= asked:
                return
            last = tuple(found[asked - 1][column.name] for column in self._columns)
            left = None if left is None else left - asked
        if last is not None:
            self.rest = orders.token(self._about, last)

    def _after(self, last: orders.Key | None) -> Select[tuple[object, ...]]:
        if last is None:
            return self._query
        return self._query.where(orders.after(self._columns, last, downwards=self._downwards))


async def count_waived(reader: Reader, wanted: Filter, now: datetime) -> tuple[int, int]:
    """How many violations are waived, and of how many the waiver is over: nobody evaluated since.

    The filter's own state says nothing here.
    """
    where = conditions(replace(wanted, state=State.WAIVED))
    is_over = case((not_(is_covered(now)), 1))
    query = select(func.count().label("count"), func.count(is_over).label("over"))
    query = query.select_from(violations).where(*where)
    (found,) = await reader.run(lambda connection: page(connection, query))
    return found["count"], found["over"]


async def list_period(
    reader: Reader,
    wanted: Filter,
    since: datetime,
    until: datetime,
    into: Callable[[Iterator[Violation]], T],
    size: int = PAGE,
) -> T:
    """Hand to `into` what was there in a period that lasts until now: open violations, then ended ones.

    The newest of each first. The filter's own state and times say nothing here.
    """
    is_open = _Listing(replace(wanted, state=State.OPEN, since=None, until=None), Sort.NEWEST, "")
    ended = _Listing(replace(wanted, state=State.RESOLVED, since=since, until=until), Sort.NEWEST, "")

    def run(connection: Connection) -> T:
        return into(chain(is_open.rows(connection, None, size), ended.rows(connection, None, size)))

    return await reader.run(run)


async def list_history(
    reader: Reader,
    wanted: Filter,
    sort: Sort,
    limit: int | None,
    into: Callable[[Iterator[Occurrence]], T],
    size: int = PAGE,
    start: str = "",
) -> tuple[T, str]:
    """As `list_violations`, each with the how many-eth time it is."""
    listing = _Listing(wanted, sort, start)

    def run(connection: Connection) -> T:
        return into(_occurrences(connection, listing.rows(connection, limit, size), size))

    return await reader.run(run), listing.rest


def _occurrences(connection: Connection, found: Iterator[Violation], size: int) -> Iterator[Occurrence]:
    before = violations.alias()
    same = (before.c.verdict_key == violations.c.verdict_key) & (before.c.opened_at < violations.c.opened_at)
    earlier = select(func.count()).where(same).scalar_subquery().label("earlier")
    batch: list[Violation] = []

    def counted() -> Iterator[Occurrence]:
        ids = [each.id for each in batch]
        query = select(violations.c.id, earlier).where(violations.c.id.in_(ids))
        numbers = {row["id"]: row["earlier"] for row in page(connection, query)}
        # what was pruned in between has no number any more, and was the first of those that are left
        yield from (_occurrence(each, numbers.get(each.id, 0) + 1) for each in batch)
        batch.clear()

    for each in found:
        batch.append(each)
        if len(batch) == min(size, PAGE):
            yield from counted()
    if batch:
        yield from counted()


def _occurrence(each: Violation, number: int) -> Occurrence:
    known = {name: getattr(each, name) for name in Violation.__struct_fields__}
    lasted = (each.resolved_at - each.opened_at).total_seconds() if each.resolved_at else None
    return Occurrence(**known, occurrence=number, duration_seconds=lasted)


async def find_violations(reader: Reader, prefix: str) -> list[Violation]:
    """Those whose id begins so; no more than a user wants to choose among."""
    found = (violations.c.id >= prefix) & (violations.c.id < f"{prefix}g")  # ids are hexadecimal
    query = select(violations).where(found).order_by(violations.c.id).limit(_CANDIDATES)
    return list(map(violation, await reader.run(lambda connection: page(connection, query))))


async def detail(reader: Reader, found: Violation, policy: Policy | None) -> Detail:
    """A violation with its policy, as it is loaded now if it is, and with its earlier spans."""
    key = select(violations.c.verdict_key).where(violations.c.id == found.id).scalar_subquery()
    same = violations.c.verdict_key == key
    whole = select(violations).where(violations.c.id == found.id)
    earlier = select(violations).where(same, violations.c.opened_at < found.opened_at)
    earlier = earlier.order_by(violations.c.opened_at.desc(), violations.c.id).limit(_EARLIER)
    times = select(func.count().label("times")).select_from(violations).where(same)

    def run(connection: Connection) -> Detail:
        (row,) = page(connection, whole)
        (count,) = page(connection, times)
        return Detail(
            **attributes(row),
            severity=policy.severity if policy else None,
            policy_url=policy.url if policy else None,
            policy_description=policy.description if policy else None,
            times=count["times"],
            earlier=tuple(
                Span(**{name: each[name] for name in ("id", "opened_at", "resolved_at", "resolution")})
                for each in page(connection, earlier)
            ),
        )

    return await reader.run(run)

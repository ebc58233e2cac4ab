"""How many violations opened, ended and were open, over a period cut into parts.

A span says when it was open, so the past is counted, not sampled: what is open now, less what
opened since, and what ended since, is what was open then.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from sqlalchemy import ColumnElement, case, func, literal, select
from sqlalchemy.engine import Connection

from sink.queries.reading import page
from sink.queries.report_model import Point
from sink.tables import violations

_C = violations.c
_ENFORCE = "enforce"
_WIDTHS = tuple(
    timedelta(hours=hours)
    for hours in (1, 2, 3, 6, 12, 24, 2 * 24, 7 * 24, 14 * 24, 28 * 24, 91 * 24, 364 * 24)
)
_MOST = 48
"""Parts of a period: as many as a chart on a phone can show."""


def edges(since: datetime, now: datetime) -> list[datetime]:
    """From `since` to `now` in equal steps, a round number of hours or days long, back from `now`.

    The first part may be shorter. A very long period has longer steps; a very short one has
    as many steps as fit.
    """
    length = now - since
    width = next((width for width in _WIDTHS if length <= width * _MOST), length / _MOST)
    if length < _WIDTHS[0] * 2:
        width = length / 12
    count = max(1, -(-length // width))
    return [since, *(now - width * back for back in range(count - 1, -1, -1))]


def trend(
    connection: Connection,
    where: Sequence[ColumnElement[bool]],
    bounds: Sequence[datetime],
    still_open: int,
    still_enforced: int,
) -> tuple[tuple[Point, ...], int, int]:
    """What happened between each two of `bounds`, and how many were open, and enforced, at the first.

    `still_open`, `still_enforced`: at the last one.
    """
    opened = _flow(connection, _C.opened_at, where, bounds)
    ended = _flow(connection, _C.resolved_at, where, bounds)
    points = []
    number, enforced = still_open, still_enforced
    for part, (since, until) in reversed([*enumerate(pairwise(bounds))]):
        came, went = _total(opened, part), _total(ended, part)
        points.append(
            Point(since=since, until=until, opened=came, resolved=went, open=number, enforce=enforced)
        )
        number += went - came
        enforced += ended[part, _ENFORCE] - opened[part, _ENFORCE]
    return tuple(reversed(points)), number, enforced


def _total(flow: Counter[tuple[int, str]], part: int) -> int:
    return sum(count for (where, _), count in flow.items() if where == part)


def _flow(
    connection: Connection,
    moment: ColumnElement[datetime],
    where: Sequence[ColumnElement[bool]],
    bounds: Sequence[datetime],
) -> Counter[tuple[int, str]]:
    """How many, by part and mode."""
    part = _part(moment, bounds, 0, len(bounds) - 2).label("part")
    inside = (moment >= bounds[0], moment < bounds[-1])
    query = select(part, _C.mode, func.count().label("count")).where(*inside, *where)
    found = page(connection, query.group_by(part, _C.mode))
    return Counter({(row["part"], row["mode"]): row["count"] for row in found})


def _part(
    moment: ColumnElement[datetime], bounds: Sequence[datetime], first: int, last: int
) -> ColumnElement[int]:
    """Which part a moment is in, by halves: the same on every database, and exact at the edges."""
    if first == last:
        return literal(first)
    middle = (first + last) // 2
    is_before = moment < literal(bounds[middle + 1], _C.opened_at.type)
    return case(
        (is_before, _part(moment, bounds, first, middle)), else_=_part(moment, bounds, middle + 1, last)
    )

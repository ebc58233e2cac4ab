"""How many violations there are, of what, and whether they get fewer."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Float, cast, extract, func, select
from sqlalchemy.engine import Connection, RowMapping

from sink.queries.filters import Filter, conditions
from sink.queries.model import Count, Period, Summary
from sink.queries.reader import Reader
from sink.queries.reading import page
from sink.queries.words import State
from sink.spans import Resolution
from sink.tables import policies, violations

_C = violations.c
_SECONDS_A_DAY = 86400
_NONE = "none"


async def summarise(reader: Reader, wanted: Filter, since: datetime, now: datetime) -> Summary:
    """Open violations now, and what happened since, beside the period of the same length before.

    The filter's own state and times say nothing here.
    """
    where = [*conditions(replace(wanted, state=State.ALL, since=None, until=None))]

    def run(connection: Connection) -> Summary:
        is_server = connection.dialect.name == "postgresql"
        groups = page(connection, _open(where))
        severities = {
            (row["cluster"], row["name"]): row["severity"] or _NONE for row in page(connection, _SEVERITIES)
        }
        total = sum(row["count"] for row in groups)
        period = _period(connection, where, since, now, total, is_server=is_server)
        open_before = total - period.opened + period.resolved
        before = _period(connection, where, since - (now - since), since, open_before, is_server=is_server)
        return Summary(
            open=total,
            enforce=sum(row["count"] for row in groups if row["mode"] == "enforce"),
            policies=_counts(groups, lambda row: row["policy"]),
            namespaces=_counts(groups, lambda row: row["namespace"]),
            severities=_counts(groups, lambda row: severities.get((row["cluster"], row["policy"]), _NONE)),
            modes=_counts(groups, lambda row: row["mode"]),
            period=period,
            before=before,
        )

    return await reader.run(run)


_SEVERITIES = select(policies.c.cluster, policies.c.name, policies.c.severity)


def _open(where: Sequence[ColumnElement[bool]]) -> Any:
    heading = (_C.cluster, _C.namespace, _C.policy, _C.mode)
    return (
        select(*heading, func.count().label("count"))
        .where(_C.resolved_at.is_(None), *where)
        .group_by(*heading)
    )


def _counts(groups: Iterable[RowMapping], name: Callable[[RowMapping], str]) -> tuple[Count, ...]:
    """Summed up under each name; the largest first, then by name."""
    total: Counter[str] = Counter()
    enforced: Counter[str] = Counter()
    for row in groups:
        total[name(row)] += row["count"]
        enforced[name(row)] += row["count"] if row["mode"] == "enforce" else 0
    ranked = sorted(total.items(), key=lambda item: (-item[1], item[0]))
    return tuple(Count(name=each, violations=count, enforce=enforced[each]) for each, count in ranked)


def _period(
    connection: Connection,
    where: Sequence[ColumnElement[bool]],
    since: datetime,
    until: datetime,
    open_at_end: int,
    *,
    is_server: bool,
) -> Period:
    opened = select(func.count().label("count")).select_from(violations)
    opened = opened.where(_C.opened_at >= since, _C.opened_at < until, *where)
    lasted = _seconds(_C.resolved_at, is_server=is_server) - _seconds(_C.opened_at, is_server=is_server)
    ended = (
        select(_C.resolution, func.count().label("count"), func.avg(lasted).label("mean"))
        .where(_C.resolved_at.is_not(None), _C.resolved_at >= since, _C.resolved_at < until, *where)
        .group_by(_C.resolution)
    )
    ends = {row["resolution"]: row for row in page(connection, ended)}
    fixed = ends.get(Resolution.FIXED.value)
    return Period(
        since=since,
        until=until,
        opened=page(connection, opened)[0]["count"],
        resolved=sum(row["count"] for row in ends.values()),
        resolutions={how: ends[how]["count"] for how in sorted(ends)},
        mean_seconds_to_fix=None if fixed is None else float(fixed["mean"]),
        open_at_end=open_at_end,
    )


def _seconds(moment: ColumnElement[datetime], *, is_server: bool) -> ColumnElement[float]:
    """From some fixed moment on; SQLite keeps text, and knows days."""
    if is_server:
        return cast(extract("epoch", moment), Float)
    return func.julianday(moment, type_=Float) * _SECONDS_A_DAY

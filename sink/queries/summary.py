"""How many violations there are, of what, and whether they get fewer."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.engine import Connection, RowMapping

from sink.queries.filters import Filter, conditions
from sink.queries.model import Count, Period, Summary
from sink.queries.reader import Reader
from sink.queries.reading import page
from sink.queries.record import begins_after
from sink.queries.seconds import seconds
from sink.queries.violations import count_waived
from sink.queries.words import State
from sink.spans import Resolution
from sink.tables import policies, violations

_C = violations.c
_NONE = "none"


async def summarise(reader: Reader, wanted: Filter, since: datetime, now: datetime) -> Summary:
    """Open violations now, and what happened since, beside the period of the same length before.

    The filter's own state and times say nothing here. Asked on several connections at the same time:
    the first two questions read a hundred thousand index entries each.
    """
    everything = replace(wanted, state=State.ALL, since=None, until=None)
    where = [*conditions(everything)]
    earlier = since - (now - since)
    async with asyncio.TaskGroup() as group:
        asked = group.create_task(reader.run(lambda connection: _open(connection, where)), name="open")
        events = group.create_task(
            reader.run(lambda connection: _happened(connection, where, earlier, since, now)), name="periods"
        )
        record = group.create_task(
            reader.run(lambda connection: begins_after(connection, wanted, since)), name="record"
        )
        waived = group.create_task(count_waived(reader, everything, now), name="waived")
    groups, severities = asked.result()
    covered, expired = waived.result()
    total = sum(row["count"] for row in groups)
    before, later = events.result()
    period = _period(later, since, now, total)
    return Summary(
        open=total,
        enforce=sum(row["count"] for row in groups if row["mode"] == "enforce"),
        waived=covered,
        waived_expired=expired,
        policies=_counts(groups, lambda row: row["policy"]),
        namespaces=_counts(groups, lambda row: row["namespace"]),
        severities=_counts(groups, lambda row: severities.get((row["cluster"], row["policy"]), _NONE)),
        modes=_counts(groups, lambda row: row["mode"]),
        period=period,
        before=_period(before, earlier, since, total - period.opened + period.resolved),
        recorded_since=record.result(),
    )


_SEVERITIES = select(policies.c.cluster, policies.c.name, policies.c.severity)


def _open(
    connection: Connection, where: Sequence[ColumnElement[bool]]
) -> tuple[Sequence[RowMapping], dict[tuple[str, str], str]]:
    """Open violations by what they are counted under, and the severity of each policy."""
    heading = (_C.cluster, _C.namespace, _C.policy, _C.mode)
    query = select(*heading, func.count().label("count")).where(_C.resolved_at.is_(None), *where)
    found = page(connection, query.group_by(*heading))
    known = page(connection, _SEVERITIES)
    return found, {(row["cluster"], row["name"]): row["severity"] or _NONE for row in known}


def _counts(groups: Iterable[RowMapping], name: Callable[[RowMapping], str]) -> tuple[Count, ...]:
    """Summed up under each name; the largest first, then by name."""
    total: Counter[str] = Counter()
    enforced: Counter[str] = Counter()
    for row in groups:
        total[name(row)] += row["count"]
        enforced[name(row)] += row["count"] if row["mode"] == "enforce" else 0
    ranked = sorted(total.items(), key=lambda item: (-item[1], item[0]))
    return tuple(Count(name=each, violations=count, enforce=enforced[each]) for each, count in ranked)


_Happened = tuple[int, dict[str, RowMapping]]
"""How many opened; by resolution, how many ended and after how long."""


def _happened(
    connection: Connection,
    where: Sequence[ColumnElement[bool]],
    since: datetime,
    middle: datetime,
    until: datetime,
) -> tuple[_Happened, _Happened]:
    """Before the middle, and from then on."""
    opens_later = (_C.opened_at >= middle).label("later")
    opened = select(opens_later, func.count().label("count"))
    opened = opened.where(_C.opened_at >= since, _C.opened_at < until, *where).group_by(opens_later)
    lasted = seconds(connection, _C.resolved_at) - seconds(connection, _C.opened_at)
    ends_later = (_C.resolved_at >= middle).label("later")
    ended = (
        select(ends_later, _C.resolution, func.count().label("count"), func.avg(lasted).label("mean"))
        .where(_C.resolved_at.is_not(None), _C.resolved_at >= since, _C.resolved_at < until, *where)
        .group_by(ends_later, _C.resolution)
    )
    opens = {row["later"]: row["count"] for row in page(connection, opened)}
    ends = page(connection, ended)

    def half(*, later: bool) -> _Happened:
        return opens.get(later, 0), {row["resolution"]: row for row in ends if row["later"] is later}

    return half(later=False), half(later=True)


def _period(happened: _Happened, since: datetime, until: datetime, open_at_end: int) -> Period:
    opened, ends = happened
    fixed = ends.get(Resolution.FIXED.value)
    return Period(
        since=since,
        until=until,
        opened=opened,
        resolved=sum(row["count"] for row in ends.values()),
        resolutions={how: ends[how]["count"] for how in sorted(ends)},
        mean_seconds_to_fix=None if fixed is None else float(fixed["mean"]),
        open_at_end=open_at_end,
    )

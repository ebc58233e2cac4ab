"""Everything a report says, in one go: aggregates by the database, a few rows of each list."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import ColumnElement, Integer, and_, case, cast, distinct, func, or_, select
from sqlalchemy.engine import Connection

from pipeline.events import Outcome
from sink.queries.filters import Filter, conditions
from sink.queries.groups import list_groups
from sink.queries.model import Owner
from sink.queries.reader import Reader
from sink.queries.reading import page
from sink.queries.record import of_place, recorded_since
from sink.queries.report_model import Point, Report, Unjudged, Workload
from sink.queries.shares import Shares, shares
from sink.queries.summary import summarise
from sink.queries.terms import named
from sink.queries.trend import edges, trend
from sink.queries.words import By, Sort, State
from sink.tables import policies, resources, verdicts, violations

_C = violations.c
_WORKLOAD = (_C.cluster, _C.namespace, _C.workload_kind, _C.workload_name)


async def report(reader: Reader, wanted: Filter, since: datetime, now: datetime, rows: int) -> Report:
    """The report of what `wanted` says, from `since` to `now`; lists of workloads of at most `rows`.

    The period begins when the first thing was recorded, where that is later. The filter's own
    state and times say nothing here.
    """
    whole = replace(wanted, state=State.ALL, since=None, until=None)
    first = await reader.run(lambda connection: recorded_since(connection, whole))
    since = max(since, first) if first is not None and first < now else since
    summary = await summarise(reader, whole, since, now)
    where = [*conditions(whole)]

    def run(connection: Connection) -> tuple[tuple[tuple[Point, ...], int, int], Shares]:
        found = trend(connection, where, edges(since, now), summary.open, summary.enforce)
        return found, shares(connection, where, since, now)

    (points, open_at_start, enforce_at_start), of_each = await reader.run(run)
    newest, _ = await list_groups(
        reader, replace(whole, state=State.OPEN), By.WORKLOAD, Sort.NEWEST, rows, tuple
    )
    worst, workloads, violating = await reader.run(lambda connection: _workloads(connection, where, rows))
    resources_there = await reader.run(lambda connection: _resources(connection, whole))
    return Report(
        summary=summary,
        recorded_since=first,
        points=points,
        open_at_start=open_at_start,
        enforce_at_start=enforce_at_start,
        policies=of_each.policies,
        namespaces=of_each.namespaces,
        severities=of_each.severities,
        worst=worst,
        workloads=workloads,
        newest=newest,
        resources=resources_there,
        violating=violating,
        unjudged=await reader.run(lambda connection: _unjudged(connection, whole)),
    )


def _resources(connection: Connection, wanted: Filter) -> int:
    there = resources.c.deleted_at.is_(None)
    query = select(func.count().label("count")).select_from(resources).where(there, *of_place(wanted))
    return int(page(connection, query)[0]["count"])


def _workloads(
    connection: Connection, where: Sequence[ColumnElement[bool]], rows: int
) -> tuple[tuple[Workload, ...], int, int]:
    """The worst ones, how many have an open violation, and how many resources have one."""
    is_open = (_C.resolved_at.is_(None), *where)
    violated = func.count(distinct(_C.policy))
    enforced = func.count(distinct(case((_C.mode == "enforce", _C.policy))))
    count = cast(func.count(), Integer)
    grouped = (
        select(
            *_WORKLOAD,
            violated.label("policies"),
            enforced.label("enforced"),
            count.label("violations"),
            func.min(_C.opened_at, type_=_C.opened_at.type).label("oldest"),
        )
        .where(*is_open)
        .group_by(*_WORKLOAD)
    )
    worst = grouped.order_by(violated.desc(), enforced.desc(), count.desc(), *_WORKLOAD).limit(rows)
    each = select(*_WORKLOAD).where(*is_open).distinct().subquery()
    resource = select(func.count(distinct(_C.resource_key)).label("count")).where(*is_open)
    number = select(func.count().label("count")).select_from(each)
    return (
        tuple(
            Workload(
                cluster=row["cluster"],
                namespace=row["namespace"],
                workload=Owner(kind=row["workload_kind"], name=row["workload_name"]),
                policies=row["policies"],
                enforced_policies=row["enforced"],
                violations=row["violations"],
                oldest_opened_at=row["oldest"],
            )
            for row in page(connection, worst)
        ),
        int(page(connection, number)[0]["count"]),
        int(page(connection, resource)[0]["count"]),
    )


def _unjudged(connection: Connection, wanted: Filter) -> tuple[Unjudged, ...]:
    """Policies that are not valid or supported, and those with resources they failed on; by name."""
    failed = (
        select(
            verdicts.c.cluster,
            verdicts.c.policy,
            func.count(distinct(verdicts.c.resource_key)).label("failed"),
        )
        .where(verdicts.c.outcome == Outcome.ERROR.value, *named(verdicts.c.namespace, wanted.namespaces))
        .group_by(verdicts.c.cluster, verdicts.c.policy)
        .subquery()
    )
    same = and_(failed.c.cluster == policies.c.cluster, failed.c.policy == policies.c.name)
    query = (
        select(policies.c.cluster, policies.c.name, policies.c.error, policies.c.unsupported, failed.c.failed)
        .outerjoin_from(policies, failed, same)
        .where(
            policies.c.deleted_at.is_(None),
            or_(policies.c.error != "", policies.c.unsupported != "", failed.c.failed.is_not(None)),
            *named(policies.c.cluster, wanted.clusters),
            *named(policies.c.name, wanted.policies),
        )
        .order_by(policies.c.name, policies.c.cluster)
    )
    return tuple(
        Unjudged(
            cluster=row["cluster"],
            policy=row["name"],
            error=row["error"] or row["unsupported"],
            resources=row["failed"] or 0,
        )
        for row in page(connection, query)
    )

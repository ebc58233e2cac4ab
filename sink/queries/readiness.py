"""What `enforce` would refuse, by the verdicts there are: how much of each policy, and which workloads."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from itertools import chain
from typing import Any

import msgspec
from msgspec.structs import replace
from sqlalchemy import Subquery, and_, case, func, select
from sqlalchemy.engine import Connection, RowMapping

from pipeline.events import Mode, Outcome
from sink.queries.filters import is_covered
from sink.queries.model import Owner, Readiness, Refusal
from sink.queries.reader import Reader
from sink.queries.reading import page
from sink.queries.terms import Term, named
from sink.tables import policies, resources, verdicts, violations

_V = verdicts.c
_C = violations.c
_GONE = Outcome.WITHDRAWN.value
_REFUSED = (Outcome.FAIL.value, Outcome.WARN.value)
"""What `enforce` refuses besides what cannot be evaluated: a pass with a warning, too."""
_OBJECTS = (*_REFUSED, Outcome.ERROR.value)

_EXAMPLES = 500
"""Read in one query."""

_UNKNOWN = "no verdict: it applies to nothing that is there, or was not evaluated yet"

_OWNED = func.coalesce(resources.c.owner_name, "") != ""
_ROOT_KIND = case((_OWNED, resources.c.owner_kind), else_=_V.kind)
_ROOT_NAME = case((_OWNED, resources.c.owner_name), else_=_V.name)


async def readiness(
    reader: Reader,
    wanted: Sequence[Term],
    clusters: Sequence[Term],
    since: datetime,
    now: datetime,
    *,
    refusals: bool = True,
) -> list[Readiness]:
    """What `enforce` would refuse now, by policy and cluster. Without `wanted`: policies that only warn.

    `since`: what the number of violations is compared with. `refusals`: whether to name the workloads, too.
    """
    query = select(policies).where(policies.c.deleted_at.is_(None))
    query = query.where(*named(policies.c.name, wanted), *named(policies.c.cluster, clusters))
    if not wanted:
        query = query.where(policies.c.mode != Mode.ENFORCE.value)
    query = query.order_by(policies.c.name, policies.c.cluster)
    asked = await reader.run(lambda connection: page(connection, query))
    amounts = await _amounts(reader, sorted({row["name"] for row in asked}), since, now)
    found = [_ready(row, amounts.get((row["name"], row["cluster"]), {}), since) for row in asked]
    if not refusals:
        return found
    return [replace(each, refusals=await _refusals(reader, each, now)) for each in found]


async def known_clusters(reader: Reader) -> list[str]:
    """Clusters of which a policy or a resource is there, by name."""

    def ask(connection: Connection) -> set[str]:
        tables = (policies, resources)
        queries = (select(each.c.cluster).where(each.c.deleted_at.is_(None)).distinct() for each in tables)
        return {row["cluster"] for query in queries for row in page(connection, query)}

    return sorted(await reader.run(ask))


_Amounts = dict[tuple[str, str], dict[str, Any]]
"""By policy and cluster, and by name."""


async def _amounts(reader: Reader, names: Sequence[str], since: datetime, now: datetime) -> _Amounts:
    """What there is to count of these policies: each question once for all of them, at the same time."""
    queries = (_judged(), _workloads(), _open(since), _ended(since), _waived(now))
    async with asyncio.TaskGroup() as group:
        asked = [group.create_task(reader.run(partial(_of_policies, query, names))) for query in queries]
    found: _Amounts = defaultdict(dict)
    for row in chain.from_iterable(task.result() for task in asked):
        found[row["policy"], row["cluster"]].update(row)
    return found


def _of_policies(query: Subquery, names: Sequence[str], connection: Connection) -> Sequence[RowMapping]:
    return page(connection, select(query).where(query.c.policy.in_(names)))


def _judged() -> Subquery:
    """Resources, however many verdicts each has."""
    each = (
        select(
            *(_V.policy, _V.cluster, _V.resource_key),
            func.max(case((_V.outcome.in_(_REFUSED), 1), else_=0)).label("refused"),
            func.max(case((_V.outcome == Outcome.ERROR.value, 1), else_=0)).label("wrong"),
        )
        .where(_V.outcome != _GONE)
        .group_by(_V.policy, _V.cluster, _V.resource_key)
        .subquery()
        .c
    )
    sums = (func.sum(each.refused).label("refused"), func.sum(each.wrong).label("errors"))
    query = select(each.policy, each.cluster, func.count().label("resources"), *sums)
    return query.group_by(each.policy, each.cluster).subquery()


def _workloads() -> Subquery:
    # joined by what no name holds
    root = _V.namespace + "/" + _ROOT_KIND + "/" + _ROOT_NAME
    query = select(_V.policy, _V.cluster, func.count(root.distinct()).label("workloads"))
    query = query.select_from(verdicts.outerjoin(resources, resources.c.key == _V.resource_key))
    return query.where(_V.outcome.in_(_OBJECTS)).group_by(_V.policy, _V.cluster).subquery()


def _open(since: datetime) -> Subquery:
    """From the index that the default view is made of."""
    query = select(
        *(_C.policy, _C.cluster),
        func.min(_C.opened_at, type_=_C.opened_at.type).label("oldest"),
        func.count().label("open"),
        func.sum(case((_C.opened_at <= since, 1), else_=0)).label("still_open"),
    )
    return query.where(_C.resolved_at.is_(None)).group_by(_C.policy, _C.cluster).subquery()


def _ended(since: datetime) -> Subquery:
    """Those that were open then, and are over."""
    query = select(_C.policy, _C.cluster, func.count().label("ended"))
    query = query.where(_C.resolved_at.is_not(None), _C.resolved_at > since, _C.opened_at <= since)
    return query.group_by(_C.policy, _C.cluster).subquery()


def _waived(now: datetime) -> Subquery:
    query = select(_C.policy, _C.cluster, func.count(_C.resource_key.distinct()).label("waived"))
    return query.where(is_covered(now)).group_by(_C.policy, _C.cluster).subquery()


def _ready(policy: RowMapping, amounts: Mapping[str, Any], since: datetime) -> Readiness:
    problem = policy["error"] or policy["unsupported"] or None
    resources_there, refused, errors = (amounts.get(name, 0) for name in ("resources", "refused", "errors"))
    evaluated = resources_there > 0
    return Readiness(
        policy=policy["name"],
        cluster=policy["cluster"],
        mode=policy["mode"],
        title=policy["title"],
        ready=evaluated and bool(policy["mode"]) and not (problem or refused or errors),
        evaluated=evaluated,
        problem=problem or (None if evaluated else _UNKNOWN),
        resources=resources_there,
        refused=refused,
        waived=amounts.get("waived", 0),
        errors=errors,
        workloads=amounts.get("workloads", 0),
        oldest_opened_at=amounts.get("oldest"),
        since=since,
        open=amounts.get("open", 0),
        open_before=amounts.get("still_open", 0) + amounts.get("ended", 0),
    )


async def _refusals(reader: Reader, policy: Readiness, now: datetime) -> tuple[Refusal, ...]:
    """Workloads by name, of each what is refused for one reason; with what the policy says of an example."""
    kind, name = _ROOT_KIND.label("workload_kind"), _ROOT_NAME.label("workload_name")
    heading = (_V.namespace, kind, name, _V.outcome)
    covered = and_(violations.c.verdict_key == _V.key, is_covered(now))
    query = (
        select(
            *heading,
            func.count(_V.resource_key.distinct()).label("resources"),
            func.count(violations.c.resource_key.distinct()).label("waived"),
            func.min(_V.key).label("example"),
            func.max(violations.c.waiver).label("waiver"),
        )
        .select_from(
            verdicts.outerjoin(resources, resources.c.key == _V.resource_key).outerjoin(violations, covered)
        )
        .where(_V.policy == policy.policy, _V.cluster == policy.cluster, _V.outcome.in_(_OBJECTS))
        .group_by(*heading)
        .order_by(*heading)
    )

    def ask(connection: Connection) -> tuple[Refusal, ...]:
        rows = page(connection, query)
        said: dict[str, str] = {}
        for begin in range(0, len(rows), _EXAMPLES):
            keys = [row["example"] for row in rows[begin : begin + _EXAMPLES]]
            examples = page(connection, select(_V.key, _V.data).where(_V.key.in_(keys)))
            said |= {row["key"]: _said(row["data"]) for row in examples}
        return tuple(_refusal(policy, row, said.get(row["example"], "")) for row in rows)

    return await reader.run(ask)


class _Data(msgspec.Struct, frozen=True):
    """What of a verdict's data is wanted here."""

    message: str = ""
    warning: str = ""


_data = msgspec.json.Decoder(_Data)


def _said(data: str) -> str:
    found = _data.decode(data)
    return found.message or found.warning


def _refusal(policy: Readiness, row: RowMapping, message: str) -> Refusal:
    return Refusal(
        policy=policy.policy,
        cluster=policy.cluster,
        namespace=row["namespace"],
        workload=Owner(kind=row["workload_kind"], name=row["workload_name"]),
        outcome=Outcome(row["outcome"]),
        resources=row["resources"],
        waived=row["waived"],
        waiver=row["waiver"],
        message=message,
    )

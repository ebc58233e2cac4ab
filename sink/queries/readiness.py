"""What `enforce` would refuse, by the verdicts there are: how much of each policy, and which workloads."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from msgspec.structs import replace
from sqlalchemy import Executable, Integer, and_, case, cast, func, or_, select
from sqlalchemy.engine import Connection, RowMapping

from pipeline.events import Mode, Outcome
from sink.database import translated
from sink.queries.filters import is_covered
from sink.queries.model import Owner, Readiness, Refusal
from sink.queries.reader import Reader
from sink.queries.reading import page
from sink.queries.terms import Term, named
from sink.tables import policies, resources, verdicts, violations

_V = verdicts.c
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

    def ask(connection: Connection) -> Sequence[RowMapping]:
        query = select(policies).where(policies.c.deleted_at.is_(None))
        query = query.where(*named(policies.c.name, wanted), *named(policies.c.cluster, clusters))
        if not wanted:
            query = query.where(policies.c.mode != Mode.ENFORCE.value)
        with translated(connection.engine.url):
            return connection.execute(query.order_by(policies.c.name, policies.c.cluster)).mappings().all()

    found = [await _ready(reader, row, since, now) for row in await reader.run(ask)]
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


async def _ready(reader: Reader, policy: RowMapping, since: datetime, now: datetime) -> Readiness:
    name, cluster = policy["name"], policy["cluster"]
    resource = _V.resource_key
    refused = case((_V.outcome.in_(_REFUSED), resource))
    wrong = case((_V.outcome == Outcome.ERROR.value, resource))
    # joined by what no name holds
    root = _V.namespace + "/" + _ROOT_KIND + "/" + _ROOT_NAME
    workload = case((_V.outcome.in_(_OBJECTS), root))
    counts = (
        select(
            func.count(resource.distinct()).label("resources"),
            func.count(refused.distinct()).label("refused"),
            func.count(wrong.distinct()).label("errors"),
            func.count(workload.distinct()).label("workloads"),
        )
        .select_from(verdicts.outerjoin(resources, resources.c.key == resource))
        .where(_V.policy == name, _V.cluster == cluster, _V.outcome != _GONE)
    )
    was_open = or_(violations.c.resolved_at.is_(None), violations.c.resolved_at > since)
    is_open = violations.c.resolved_at.is_(None)
    lives = select(
        func.min(case((is_open, violations.c.opened_at)), type_=violations.c.opened_at.type).label("oldest"),
        cast(func.coalesce(func.sum(case((is_open, 1), else_=0)), 0), Integer).label("now"),
        cast(func.coalesce(func.sum(case((violations.c.opened_at <= since, 1), else_=0)), 0), Integer).label(
            "before"
        ),
    ).where(violations.c.policy == name, violations.c.cluster == cluster, was_open)

    def one(connection: Connection, query: Executable) -> RowMapping:
        with translated(connection.engine.url):
            return connection.execute(query).mappings().one()

    covered = select(func.count(violations.c.resource_key.distinct()).label("resources")).where(
        violations.c.policy == name, violations.c.cluster == cluster, is_covered(now)
    )

    def ask(connection: Connection) -> tuple[RowMapping, RowMapping, RowMapping]:
        return one(connection, counts), one(connection, lives), one(connection, covered)

    found, spans, waived = await reader.run(ask)
    problem = policy["error"] or policy["unsupported"] or None
    evaluated = found["resources"] > 0
    return Readiness(
        policy=name,
        cluster=cluster,
        mode=policy["mode"],
        title=policy["title"],
        ready=evaluated and bool(policy["mode"]) and not (problem or found["refused"] or found["errors"]),
        evaluated=evaluated,
        problem=problem or (None if evaluated else _UNKNOWN),
        resources=found["resources"],
        refused=found["refused"],
        waived=waived["resources"],
        errors=found["errors"],
        workloads=found["workloads"],
        oldest_opened_at=spans["oldest"],
        since=since,
        open=spans["now"],
        open_before=spans["before"],
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

"""Current verdicts, for whoever compares them with others, and for what `enforce` would refuse."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Executable, Integer, and_, case, cast, func, or_, select
from sqlalchemy.engine import Connection, RowMapping

from pipeline.events import Mode, Outcome
from sink.database import translated
from sink.queries.filters import is_covered
from sink.queries.model import Readiness, Standing
from sink.queries.reader import Reader
from sink.queries.reading import page
from sink.queries.terms import Term, named
from sink.tables import policies, resources, verdicts, violations

_V = verdicts.c
_GONE = Outcome.WITHDRAWN.value
_REFUSED = (Outcome.FAIL.value, Outcome.WARN.value)
"""What `enforce` refuses besides what cannot be evaluated: a pass with a warning, too."""


async def standings(
    reader: Reader, resource_keys: Sequence[str], names: Sequence[str], now: datetime
) -> dict[tuple[str, str], list[Standing]]:
    """Verdicts of these policies on these resources, by resource key and policy: one, or one an image.

    A waiver that is over covers nothing, whether or not anybody evaluated since.
    """
    waiver = func.coalesce(violations.c.waiver, "").label("waiver")
    query = select(_V.key, _V.resource_key, _V.policy, _V.outcome, _V.mode, _V.message, waiver)
    covered = and_(violations.c.verdict_key == _V.key, is_covered(now))
    query = query.outerjoin_from(verdicts, violations, covered)
    query = query.where(_V.resource_key.in_(resource_keys), _V.policy.in_(names), _V.outcome != _GONE)
    found: dict[tuple[str, str], list[Standing]] = {}
    for row in await reader.run(lambda connection: page(connection, query.order_by(_V.key))):
        outcome, mode = Outcome(row["outcome"]), Mode(row["mode"])
        standing = Standing(
            outcome=outcome, mode=mode, message=row["message"], waiver=row["waiver"], image=_image(row)
        )
        found.setdefault((row["resource_key"], row["policy"]), []).append(standing)
    return found


def _image(row: RowMapping) -> str:
    """What the key of a verdict has besides its resource and policy."""
    key: str = row["key"]
    return key.removeprefix(f"{row['resource_key']}/{row['policy']}").removeprefix("/")


async def readiness(
    reader: Reader, wanted: Sequence[Term], clusters: Sequence[str], since: datetime, now: datetime
) -> list[Readiness]:
    """What `enforce` would refuse now, by policy and cluster. Without `wanted`: policies that only warn.

    `since`: what the number of violations is compared with.
    """

    def ask(connection: Connection) -> Sequence[RowMapping]:
        query = select(policies).where(policies.c.deleted_at.is_(None))
        query = query.where(*named(policies.c.name, wanted))
        if not wanted:
            query = query.where(policies.c.mode != Mode.ENFORCE.value)
        if clusters:
            query = query.where(policies.c.cluster.in_(clusters))
        with translated(connection.engine.url):
            return connection.execute(query.order_by(policies.c.name, policies.c.cluster)).mappings().all()

    return [await _ready(reader, row, since, now) for row in await reader.run(ask)]


async def _ready(reader: Reader, policy: RowMapping, since: datetime, now: datetime) -> Readiness:
    name, cluster = policy["name"], policy["cluster"]
    resource = _V.resource_key
    refused = case((_V.outcome.in_(_REFUSED), resource))
    wrong = case((_V.outcome == Outcome.ERROR.value, resource))
    # joined by what no name holds
    root = case(
        (resources.c.owner_name != "", resources.c.owner_kind + "/" + resources.c.owner_name),
        else_=resources.c.kind + "/" + resources.c.name,
    )
    workload = case((_V.outcome.in_((*_REFUSED, Outcome.ERROR.value)), _V.namespace + "/" + root))
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
    return Readiness(
        policy=name,
        cluster=cluster,
        mode=policy["mode"],
        title=policy["title"],
        ready=bool(policy["mode"]) and not (problem or found["refused"] or found["errors"]),
        problem=problem,
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

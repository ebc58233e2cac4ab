"""The waivers that are there: what each covers now, and whether it does anything."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import func, select
from sqlalchemy.engine import Connection, RowMapping

from pipeline.waivers import WaiverApplied, unknown_policies
from sink.queries.filters import IS_WAIVED
from sink.queries.model import Waiver
from sink.queries.reader import Reader
from sink.queries.reading import page
from sink.queries.terms import Term, named
from sink.tables import policies, violations, waivers

_applied = msgspec.json.Decoder(WaiverApplied)


async def list_waivers(reader: Reader, clusters: Sequence[Term] = ()) -> list[Waiver]:
    """By end, then name and cluster. One that was taken back is none."""
    rows, known = await reader.run(lambda connection: _rows(connection, clusters))
    return [_waiver(row, known.get(row["cluster"], ())) for row in rows]


async def waivers_of(reader: Reader, clusters: Sequence[Term] = ()) -> dict[str, WaiverApplied]:
    """As they are on the log, by key."""
    rows, _ = await reader.run(lambda connection: _rows(connection, clusters))
    return {row["key"]: _applied.decode(row["data"]) for row in rows}


def _rows(
    connection: Connection, clusters: Sequence[Term]
) -> tuple[Sequence[RowMapping], dict[str, list[str]]]:
    """The waivers, and the policies that are loaded, by cluster."""
    covered = (
        select(violations.c.cluster, violations.c.waiver, func.count().label("count"))
        .where(IS_WAIVED)
        .group_by(violations.c.cluster, violations.c.waiver)
        .subquery()
    )
    same = (covered.c.cluster == waivers.c.cluster) & (covered.c.waiver == waivers.c.name)
    query = (
        select(waivers, func.coalesce(covered.c.count, 0).label("violations"))
        .outerjoin_from(waivers, covered, same)
        .where(waivers.c.deleted_at.is_(None))
        .order_by(waivers.c.expires_at, waivers.c.name, waivers.c.cluster)
    )
    query = query.where(*named(waivers.c.cluster, clusters))
    loaded = select(policies.c.cluster, policies.c.name).where(policies.c.deleted_at.is_(None))
    known: dict[str, list[str]] = {}
    for row in page(connection, loaded):
        known.setdefault(row["cluster"], []).append(row["name"])
    return page(connection, query), known


def _waiver(row: RowMapping, known: Sequence[str]) -> Waiver:
    applied = _applied.decode(row["data"])
    return Waiver(
        name=row["name"],
        cluster=row["cluster"],
        policies=applied.policies,
        match=msgspec.json.decode(msgspec.json.encode(applied.match)),
        owner=row["owner"],
        reason=row["reason"],
        ticket=row["ticket"] or None,
        file=row["file"] or None,
        applied_at=row["applied_at"],
        expires_at=row["expires_at"],
        violations=row["violations"],
        unknown_policies=unknown_policies(applied, known),
    )

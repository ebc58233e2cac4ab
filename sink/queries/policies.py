"""Policies that are loaded, and what became of each."""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.engine import Connection, RowMapping

from pipeline.events import Outcome
from sink.database import translated
from sink.queries.model import Policy
from sink.queries.reader import Reader
from sink.queries.terms import Term, named
from sink.tables import policies, verdicts, violations


async def list_policies(
    reader: Reader, clusters: Sequence[Term] = (), name: str | None = None
) -> list[Policy]:
    """By name, then cluster. A policy that was deleted is none."""
    return [_policy(row) for row in await reader.run(lambda connection: _rows(connection, clusters, name))]


def _rows(connection: Connection, clusters: Sequence[Term], name: str | None) -> Sequence[RowMapping]:
    open_ = (
        select(func.count())
        .where(
            violations.c.policy == policies.c.name,
            violations.c.cluster == policies.c.cluster,
            violations.c.resolved_at.is_(None),
        )
        .scalar_subquery()
    )
    errors = (
        select(func.count())
        .where(
            verdicts.c.policy == policies.c.name,
            verdicts.c.outcome == Outcome.ERROR.value,
            verdicts.c.cluster == policies.c.cluster,
        )
        .scalar_subquery()
    )
    query = select(policies, open_.label("violations"), errors.label("errors")).where(
        policies.c.deleted_at.is_(None)
    )
    query = query.where(*named(policies.c.cluster, clusters))
    if name is not None:
        query = query.where(policies.c.name == name)
    with translated(connection.engine.url):
        return connection.execute(query.order_by(policies.c.name, policies.c.cluster)).mappings().all()


def _policy(row: RowMapping) -> Policy:
    return Policy(
        name=row["name"],
        cluster=row["cluster"],
        mode=row["mode"],
        title=row["title"],
        severity=row["severity"] or None,
        url=row["url"] or None,
        description=row["description"] or None,
        file=row["file"] or None,
        digest=row["digest"],
        engine=row["engine"] or None,
        error=row["error"] or None,
        unsupported=row["unsupported"] or None,
        refusals=row["refusals"],
        findings=tuple(row["findings"]),
        reads=tuple(row["reads"]),
        memo=row["memo"],
        violations=row["violations"],
        errors=row["errors"],
        applied_at=row["applied_at"],
    )

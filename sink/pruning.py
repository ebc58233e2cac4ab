"""Forgetting what is over: in batches, each a short transaction, so that a sink waits for none of them.

What is open, and what is there, is never forgotten. Ids of a batch are chosen first and deleted then,
by key: PostgreSQL and SQLite have no DELETE with a LIMIT in common.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Select, Table, delete, exists, func, or_, select, tuple_

from pipeline.events import Outcome
from sink.database import translated
from sink.spans import Resolution
from sink.tables import objects, policies, policy_versions, resources, verdicts, violations, waivers

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine


@dataclass(frozen=True, slots=True)
class Heap:
    """Rows of one table that may go."""

    name: str
    table: Table
    where: tuple[ColumnElement[bool], ...]


def heaps(before: datetime) -> Sequence[Heap]:
    """What was over before then. The order matters: what a later one asks about is gone by then."""
    judged = exists().where(verdicts.c.resource_key == resources.c.key)
    same_policy = (policies.c.key == policy_versions.c.policy_key) & policies.c.deleted_at.is_(None)
    current = exists().where(same_policy, policies.c.digest == policy_versions.c.digest)
    spoken_of = exists().where(
        violations.c.policy == policy_versions.c.name,
        violations.c.cluster == policy_versions.c.cluster,
        violations.c.policy_digest == policy_versions.c.digest,
    )
    gone = resources.c.deleted_at
    judges = exists().where(verdicts.c.policy == policies.c.name, verdicts.c.cluster == policies.c.cluster)
    return (
        Heap(
            "resolved violations",
            violations,
            (
                violations.c.resolved_at.is_not(None),
                violations.c.resolved_at < before,
                or_(
                    violations.c.resolution != Resolution.WAIVED.value,
                    violations.c.waiver_ended_at < before,  # what is waived now is there
                ),
            ),
        ),
        Heap(
            "withdrawn verdicts",
            verdicts,
            (verdicts.c.outcome == Outcome.WITHDRAWN.value, verdicts.c.evaluated_at < before),
        ),
        Heap("deleted resources", resources, (gone.is_not(None), gone < before, ~judged)),
        Heap("objects of no resource", objects, (~exists().where(resources.c.key == objects.c.key),)),
        Heap(
            "deleted policies",
            policies,
            (policies.c.deleted_at.is_not(None), policies.c.deleted_at < before, ~judges),
        ),
        Heap(
            "deleted waivers",
            waivers,
            (waivers.c.deleted_at.is_not(None), waivers.c.deleted_at < before),
        ),
        Heap(
            "old versions of policies",
            policy_versions,
            (policy_versions.c.last_applied_at < before, ~current, ~spoken_of),
        ),
    )


async def count(engine: "AsyncEngine", heap: Heap) -> int:
    """How many there are now. Raises StoreError."""
    query = select(func.count()).select_from(heap.table).where(*heap.where)
    with translated(engine.url):
        async with engine.connect() as connection:
            return int(await connection.scalar(query) or 0)


async def prune(engine: "AsyncEngine", heap: Heap, batch: int) -> AsyncIterator[int]:
    """Delete them; yields how many each batch had. Raises StoreError: batches before it stay done."""
    keys = list(heap.table.primary_key)
    chosen: Select[Any] = select(*keys).where(*heap.where).limit(batch)
    while True:
        with translated(engine.url):
            async with engine.begin() as connection:
                found = (await connection.execute(chosen)).all()
                if found:
                    doomed = tuple_(*keys).in_([tuple(row) for row in found])
                    # asked again: what came back in the meantime stays
                    await connection.execute(delete(heap.table).where(doomed, *heap.where))
        if found:
            yield len(found)
        if len(found) < batch:
            return

"""Where a sink is in its log, and whose turn it is to write: of several sinks, one after the other."""

from collections.abc import Iterable, Mapping

from sqlalchemy import and_, func, or_, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection

from pipeline.bus import Record
from pipeline.events import PolicyChecked, Topic
from sink.rows import Row
from sink.tables import offsets

Positions = Mapping[tuple[Topic, int], int]
_POLICIES_LOCK = 0x746F6373_696E0001
_EMBEDDED_LOCK = 0x746F6373_696E0002
"""Keys of PostgreSQL's advisory locks: of writers of policies, of embedded sinks. Migrations have another."""


async def written(connection: AsyncConnection, log_id: str) -> Positions:
    """Up to where each partition of this log was written before."""
    query = select(offsets).where(offsets.c.log_id == log_id)
    return {(Topic(row.topic), row.partition): row.next_offset for row in await connection.execute(query)}


async def take_turns(connection: AsyncConnection, positions: Positions, log_id: str) -> None:
    """On a server: two sinks that both believe to have a partition write one after the other.

    So do scans and runs, whose logs have no id. SQLite's transactions do that by themselves.
    """
    if connection.dialect.name != "postgresql" or not positions:
        return
    if not log_id:
        await connection.execute(select(func.pg_advisory_xact_lock(_EMBEDDED_LOCK)))
        return
    rows = [
        {"topic": topic.value, "partition": partition, "log_id": log_id, "next_offset": -1}
        for topic, partition in sorted(positions)
    ]
    await connection.execute(postgresql.insert(offsets).values(rows).on_conflict_do_nothing())
    mine = or_(
        *(and_(offsets.c.topic == row["topic"], offsets.c.partition == row["partition"]) for row in rows)
    )
    query = select(offsets.c.topic).where(mine).order_by(offsets.c.topic, offsets.c.partition)
    await connection.execute(query.with_for_update())


async def lock_policies(connection: AsyncConnection, records: Iterable[Record]) -> None:
    """On a server: two sinks that write policies do so one after the other.

    Every other row is written by whoever has its partition; a policy's is written from two
    topics, and in an order of their own they would wait for each other in a circle.
    """
    if connection.dialect.name == "postgresql" and any(map(_is_of_policy, records)):
        await connection.execute(select(func.pg_advisory_xact_lock(_POLICIES_LOCK)))


def _is_of_policy(record: Record) -> bool:
    return record.topic is Topic.POLICIES or (
        record.event is not None and isinstance(record.event.data, PolicyChecked)
    )


def offset_rows(positions: Positions, written: Positions, log_id: str) -> list[Row]:
    """Rows to write; a delivery that comes again does not turn an offset back."""
    return [
        {"topic": topic.value, "partition": partition, "log_id": log_id, "next_offset": position}
        for (topic, partition), position in positions.items()
        if position > written.get((topic, partition), -1)
    ]

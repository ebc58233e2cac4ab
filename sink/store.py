"""The writing side: deliveries of the log into the tables, each in one transaction with its offsets."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Self, TypeVar

import msgspec
from sqlalchemy import ColumnElement, Table, and_, delete, exists, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from pipeline.bus import Delivery, Record
from pipeline.errors import StoreRefusedError
from pipeline.events import (
    Event,
    Outcome,
    PolicyApplied,
    PolicyChecked,
    ResourceApplied,
    SourceFailed,
    Topic,
    Verdict,
)
from pipeline.settings import DatabaseLimits
from pipeline.waivers import WaiverApplied
from sink import outbox, places, refused, rows
from sink.database import connect, parse_url, translated
from sink.fold import fold
from sink.schema import prepare
from sink.spans import Resolution
from sink.tables import (
    objects,
    offsets,
    policies,
    policy_versions,
    resources,
    source_errors,
    verdicts,
    violations,
    waivers,
)
from sink.upsert import upsert

K = TypeVar("K")
_verdict = msgspec.json.Decoder(Verdict)
_waiver = msgspec.json.Decoder(WaiverApplied)
_IS_WAIVED = and_(violations.c.resolution == Resolution.WAIVED.value, violations.c.waiver_ended_at.is_(None))
_SPAN = [column for column in violations.c if column.computed is None]
_TOMBSTONED = ((Topic.RESOURCES, resources), (Topic.POLICIES, policies), (Topic.POLICIES, waivers))
"""Their keys differ: a tombstone finds its row in one of them."""


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Store:
    """The tables, open for writing. Every method raises StoreError when the database fails."""

    engine: AsyncEngine
    clock: Callable[[], datetime] = _now
    wake: outbox.Wake | None = None
    """Called when the outbox has something; without it, nothing is put there."""
    refusals: Counter[str] = field(default_factory=Counter)
    """How many records the database did not take, by topic."""

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        url: str,
        *,
        create: bool,
        limits: DatabaseLimits | None = None,
        wake: outbox.Wake | None = None,
    ) -> AsyncIterator[Self]:
        """Connect, and make sure that the schema is this version's; see `sink.schema.prepare`."""
        async with connect(parse_url(url), writes=True, limits=limits) as engine:
            await prepare(engine, create=create)
            yield cls(engine, wake=wake)

    async def apply(self, delivery: Delivery, log_id: str) -> None:
        """Write a delivery. What was written before, as the offsets say, is left alone.

        A log without an id leaves no offsets: a scan beside a sink must not take the place of its.
        What the database does not take of it is left out, and told (`sink.refused`).
        """
        try:
            await self._apply(delivery, log_id, _whole)
        except StoreRefusedError:
            left_out = await self._apply(delivery, log_id, refused.write_what_goes)
            refused.log(left_out)
            self.refusals.update(each.record.topic.value for each in left_out)
        if self.wake is not None:
            self.wake()

    async def _apply(self, delivery: Delivery, log_id: str, way: "_Way") -> Sequence[refused.Refused]:
        """Write it in one transaction; returns what the database did not take."""
        async with self._transaction() as connection:
            await places.take_turns(connection, delivery.positions, log_id)
            written = await places.written(connection, log_id) if log_id else {}
            records = [
                record
                for record in delivery.records
                if record.offset >= written.get((record.topic, record.partition), -1)
            ]
            await places.lock_policies(connection, records)
            await refused.take_back(connection, records)
            left_out = await way(connection, records, partial(self._write, connection))
            await refused.tell(connection, left_out, self.clock())
            if log_id:
                await upsert(connection, offsets, places.offset_rows(delivery.positions, written, log_id))
        return left_out

    async def _write(self, connection: AsyncConnection, records: Sequence[Record]) -> None:
        await _write_resources(connection, records)
        await _write_policies(connection, records)
        await _write_waivers(connection, records)
        await _write_verdicts(connection, records, self.clock())
        await _write_source_errors(connection, records)
        await self._write_tombstones(connection, records)
        if self.wake is not None:
            await outbox.write(connection, records, self.clock())

    async def _write_tombstones(self, connection: AsyncConnection, records: Sequence[Record]) -> None:
        """Last, and only for keys that no later record brings back."""
        for topic, table in _TOMBSTONED:
            gone = _final_tombstones(records, topic)
            if gone:
                mark = update(table).where(table.c.key.in_(gone)).values(deleted_at=self.clock())
                await connection.execute(mark)
                if topic is Topic.RESOURCES:
                    await connection.execute(delete(objects).where(objects.c.key.in_(gone)))
        mended = _final_tombstones(records, Topic.DEADLETTERS)
        if mended:
            await connection.execute(delete(source_errors).where(source_errors.c.key.in_(mended)))

    async def positions(self, log_id: str) -> places.Positions:
        """Where to go on in each partition of a log."""
        async with self._transaction() as connection:
            written = await places.written(connection, log_id)
        return {place: position for place, position in written.items() if position >= 0}

    async def last_verdicts(self, cluster: str) -> list[tuple[str, str, Verdict]]:
        """Key, event id and verdict of every verdict told, for an evaluator that starts again."""
        columns = select(verdicts.c.key, verdicts.c.event_id, verdicts.c.data)
        async with self._transaction() as connection:
            found = await connection.execute(columns.where(verdicts.c.cluster == cluster))
            return [(key, event_id, _verdict.decode(data)) for key, event_id, data in found]

    async def known_resources(self, cluster: str) -> dict[str, str]:
        """Key -> file of what is there, or still has verdicts (a run was ended before it took them back)."""
        return await self._known(resources, verdicts.c.resource_key == resources.c.key, cluster)

    async def known_kinds(self, cluster: str) -> dict[str, tuple[str, str]]:
        """Key -> kind and namespace, of the same resources."""
        known = await self.known_resources(cluster)
        columns = select(resources.c.key, resources.c.kind, resources.c.namespace)
        async with self._transaction() as connection:
            found = await connection.execute(columns.where(resources.c.cluster == cluster))
            return {row.key: (row.kind, row.namespace) for row in found if row.key in known}

    async def known_policies(self, cluster: str) -> dict[str, str]:
        """Key -> file, as for resources."""
        mine = (verdicts.c.policy == policies.c.name) & (verdicts.c.cluster == cluster)
        return await self._known(policies, mine, cluster)

    async def _known(self, table: Table, mine: ColumnElement[bool], cluster: str) -> dict[str, str]:
        lives = exists().where(mine, verdicts.c.outcome != Outcome.WITHDRAWN.value)
        present = or_(table.c.deleted_at.is_(None), lives)
        query = select(table.c.key, table.c.file).where(table.c.cluster == cluster, present)
        async with self._transaction() as connection:
            return {row.key: row.file for row in await connection.execute(query)}

    async def known_waivers(self, cluster: str) -> dict[str, str]:
        """Key -> file of those that are there."""
        query = select(waivers.c.key, waivers.c.file)
        query = query.where(waivers.c.cluster == cluster, waivers.c.deleted_at.is_(None))
        async with self._transaction() as connection:
            return {row.key: row.file for row in await connection.execute(query)}

    async def waivers(self, cluster: str) -> dict[str, WaiverApplied]:
        """Those that are there, by key, for an evaluator that starts again."""
        query = select(waivers.c.key, waivers.c.data)
        query = query.where(waivers.c.cluster == cluster, waivers.c.deleted_at.is_(None))
        async with self._transaction() as connection:
            return {key: _waiver.decode(data) for key, data in await connection.execute(query)}

    async def known_source_errors(self, cluster: str) -> dict[str, str]:
        """Key -> file of what could not be read. What could not be written is the sink's own to take back."""
        query = select(source_errors.c.key, source_errors.c.file)
        query = query.where(source_errors.c.cluster == cluster, ~refused.IS_REFUSED)
        async with self._transaction() as connection:
            return {row.key: row.file for row in await connection.execute(query)}

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[AsyncConnection]:
        with translated(self.engine.url):
            async with self.engine.begin() as connection:
                yield connection


_Way = Callable[[AsyncConnection, Sequence[Record], refused.Write], Awaitable[Sequence[refused.Refused]]]
"""How records are written; returns those that the database did not take."""


async def _whole(
    _: AsyncConnection, records: Sequence[Record], write: refused.Write
) -> Sequence[refused.Refused]:
    """All of them, or none."""
    await write(records)
    return ()


async def _write_resources(connection: AsyncConnection, records: Iterable[Record]) -> None:
    found: dict[str, rows.Row] = {}
    contents: dict[str, rows.Row] = {}
    for record, event in _events(records):
        if isinstance(event.data, ResourceApplied):
            _put(found, record.key, rows.resource_row(record.key, event, event.data), "first_seen_at")
            contents[record.key] = rows.object_row(record.key, event.data)
    await upsert(connection, resources, list(found.values()), once=("first_seen_at",))
    await upsert(connection, objects, list(contents.values()))


async def _write_policies(connection: AsyncConnection, records: Iterable[Record]) -> None:
    applied: dict[str, rows.Row] = {}
    checked: dict[str, rows.Row] = {}
    texts: dict[tuple[str, str], rows.Row] = {}
    findings: dict[tuple[str, str], rows.Row] = {}
    for record, event in _events(records):
        key, first = record.key, "first_applied_at"
        match event.data:
            case PolicyApplied() as data:
                applied[key] = rows.applied_policy_row(key, event, data)
                _put(texts, (key, data.digest), rows.applied_version_row(key, event, data), first)
            case PolicyChecked() as data:
                checked[key] = rows.checked_policy_row(key, event, data)
                _put(findings, (key, data.policy.digest), rows.checked_version_row(key, event, data), first)
            case _:
                pass
    await upsert(connection, policies, list(applied.values()))
    await upsert(connection, policies, list(checked.values()), once=("applied_at", "deleted_at"))
    await upsert(connection, policy_versions, list(texts.values()), once=("first_applied_at",))
    seldom = ("first_applied_at", "last_applied_at")
    await upsert(connection, policy_versions, list(findings.values()), once=seldom)


def _put(found: dict[K, rows.Row], key: K, row: rows.Row, first: str) -> None:
    """Take the newer row of a key with the time of its first: as if each record were written by itself."""
    earlier = found.get(key)
    found[key] = row if earlier is None else {**row, first: earlier[first]}


async def _write_verdicts(connection: AsyncConnection, records: Iterable[Record], now: datetime) -> None:
    told = [
        (record.key, event, event.data)
        for record, event in _events(records)
        if isinstance(event.data, Verdict)
    ]
    if not told:
        return
    keys = {key for key, _, _ in told}
    last = select(verdicts.c.key, verdicts.c.event_id).where(verdicts.c.key.in_(keys))
    ids = {row.key: row.event_id for row in await connection.execute(last)}
    open_ = await _spans(connection, keys, violations.c.resolved_at.is_(None))
    waived = await _spans(connection, keys, _IS_WAIVED)
    after = fold(told, ids, open_, waived)
    await upsert(connection, verdicts, list(after.verdicts.values()))
    spans_now = [
        {**row, "written_at": now if id_ in after.news else row.get("written_at")}
        for id_, row in after.violations.items()
    ]
    await upsert(connection, violations, spans_now)
    if after.ended:
        await connection.execute(delete(verdicts).where(verdicts.c.key.in_(after.ended)))


async def _spans(
    connection: AsyncConnection, keys: Collection[str], which: ColumnElement[bool]
) -> dict[str, rows.Row]:
    """By verdict key; at most one each."""
    query = select(*_SPAN).where(violations.c.verdict_key.in_(keys), which)
    return {row["verdict_key"]: dict(row) for row in (await connection.execute(query)).mappings()}


async def _write_waivers(connection: AsyncConnection, records: Iterable[Record]) -> None:
    found = {
        record.key: rows.waiver_row(record.key, event, event.data)
        for record, event in _events(records)
        if isinstance(event.data, WaiverApplied)
    }
    await upsert(connection, waivers, list(found.values()))


async def _write_source_errors(connection: AsyncConnection, records: Iterable[Record]) -> None:
    failed = {
        record.key: rows.source_error_row(record.key, event, event.data)
        for record, event in _events(records)
        if isinstance(event.data, SourceFailed)
    }
    await upsert(connection, source_errors, list(failed.values()))


def _events(records: Iterable[Record]) -> Iterable[tuple[Record, Event]]:
    return ((record, record.event) for record in records if record.event is not None)


def _final_tombstones(records: Iterable[Record], topic: Topic) -> list[str]:
    """Keys whose last record here says that they are gone."""
    last: Mapping[str, bool] = {
        record.key: record.event is None for record in records if record.topic is topic
    }
    return [key for key, gone in last.items() if gone]

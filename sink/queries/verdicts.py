"""What every policy says of every resource now, resource by resource."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import TypeVar

import msgspec
from sqlalchemy import ColumnElement, literal, select, tuple_
from sqlalchemy.engine import Connection, RowMapping

from pipeline.events import Outcome, ResourceRef
from pipeline.waivers import WaiverRef
from sink.queries.filters import Filter, of_severity
from sink.queries.reader import Reader
from sink.queries.reading import page
from sink.queries.terms import named
from sink.tables import policies, verdicts

T = TypeVar("T")
_C = verdicts.c
_PAGE = 1000


class _Data(msgspec.Struct, frozen=True):
    """What of a verdict's data is wanted here."""

    resource: ResourceRef
    waiver: WaiverRef | None = None


_data = msgspec.json.Decoder(_Data)


@dataclass(frozen=True, slots=True)
class Said:
    """What one policy says."""

    policy: str
    title: str
    severity: str
    mode: str
    outcome: str
    message: str
    evaluated_at: datetime
    waiver: WaiverRef | None = None
    """What covers it, where it is a violation."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A resource with all that was said of it, by policy."""

    resource: ResourceRef
    said: tuple[Said, ...]


async def list_clusters(reader: Reader, wanted: Filter) -> list[str]:
    """Clusters with verdicts, by name."""
    query = select(_C.cluster).where(*_conditions(wanted)).distinct().order_by(_C.cluster)
    return [row["cluster"] for row in await reader.run(lambda connection: page(connection, query))]


async def list_judged(
    reader: Reader, wanted: Filter, now: datetime, into: Callable[[Iterator[Judged]], T], size: int = _PAGE
) -> T:
    """Hand the resources to `into`, one after the other as it asks for them; returns its answer.

    The filter's clusters, namespaces, policies, severities and modes count. A waiver that is over is none.
    """

    def run(connection: Connection) -> T:
        found = groupby(_rows(connection, wanted, size), lambda row: row["resource_key"])
        known = {(row["cluster"], row["name"]): row for row in page(connection, _POLICIES)}

        def judged() -> Iterator[Judged]:
            for _, rows in found:
                yield _judged(list(rows), known, now)

        return into(judged())

    return await reader.run(run)


_POLICIES = select(policies.c.cluster, policies.c.name, policies.c.title, policies.c.severity)


def _conditions(wanted: Filter) -> Iterator[ColumnElement[bool]]:
    yield _C.outcome != Outcome.WITHDRAWN.value
    yield from named(_C.cluster, wanted.clusters)
    yield from named(_C.namespace, wanted.namespaces)
    yield from named(_C.policy, wanted.policies)
    yield from of_severity(_C.cluster, _C.policy, wanted.severities)
    if wanted.modes:
        yield _C.mode.in_(wanted.modes)


def _rows(connection: Connection, wanted: Filter, size: int) -> Iterator[RowMapping]:
    query = select(verdicts).where(*_conditions(wanted)).order_by(_C.resource_key, _C.key).limit(size)
    found = page(connection, query)
    while found:
        yield from found
        last = (found[-1]["resource_key"], found[-1]["key"])
        there = tuple_(*(literal(value) for value in last))
        found = page(connection, query.where(tuple_(_C.resource_key, _C.key) > there))


def _judged(rows: Sequence[RowMapping], known: Mapping[tuple[str, str], RowMapping], now: datetime) -> Judged:
    data = [_data.decode(row["data"]) for row in rows]
    return Judged(
        resource=data[-1].resource,
        said=tuple(
            _said(row, known.get((row["cluster"], row["policy"])), _in_force(each.waiver, now))
            for row, each in zip(rows, data, strict=True)
        ),
    )


def _in_force(waiver: WaiverRef | None, now: datetime) -> WaiverRef | None:
    return waiver if waiver is not None and waiver.expires > now else None


def _said(row: RowMapping, policy: RowMapping | None, waiver: WaiverRef | None) -> Said:
    return Said(
        policy=row["policy"],
        title=policy["title"] if policy else "",
        severity=policy["severity"].lower() if policy else "",
        mode=row["mode"],
        outcome=row["outcome"],
        message=row["message"],
        evaluated_at=row["evaluated_at"],
        waiver=waiver,
    )

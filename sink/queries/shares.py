"""What policies, namespaces and severities have of the open violations and of what happened in a period."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.engine import Connection, RowMapping

from sink.queries.reading import page
from sink.queries.report_model import Share
from sink.queries.seconds import seconds
from sink.spans import Resolution
from sink.tables import policies, violations

_C = violations.c
_HEADING = (_C.cluster, _C.namespace, _C.policy)
_NONE = "none"

Describe = Callable[[RowMapping], str]


@dataclass(slots=True)
class _Sum:
    open: int = 0
    enforce: int = 0
    opened: int = 0
    resolved: int = 0
    fixed: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Shares:
    """By each heading, the most open ones first."""

    policies: tuple[Share, ...]
    namespaces: tuple[Share, ...]
    severities: tuple[Share, ...]


def shares(
    connection: Connection, where: Sequence[ColumnElement[bool]], since: datetime, until: datetime
) -> Shares:
    """Of what is open at the end, and of what opened and ended from `since` to `until`."""
    known = {(row["cluster"], row["name"]): row for row in page(connection, _POLICIES)}
    rows = [
        *page(connection, _open(where)),
        *page(connection, _opened(where, since, until)),
        *page(connection, _ended(connection, where, since, until)),
    ]

    def severity(row: RowMapping) -> str:
        policy = known.get((row["cluster"], row["policy"]))
        return (policy["severity"].lower() if policy else "") or _NONE

    titles = {name: row["title"] for (_, name), row in known.items()}
    severities = {name: row["severity"].lower() for (_, name), row in known.items()}
    return Shares(
        policies=_summed(rows, lambda row: str(row["policy"]), titles, severities),
        namespaces=_summed(rows, lambda row: str(row["namespace"])),
        severities=_summed(rows, severity),
    )


_POLICIES = select(policies.c.cluster, policies.c.name, policies.c.title, policies.c.severity)


def _open(where: Sequence[ColumnElement[bool]]) -> Any:
    return (
        select(*_HEADING, _C.mode, func.count().label("open"))
        .where(_C.resolved_at.is_(None), *where)
        .group_by(*_HEADING, _C.mode)
    )


def _opened(where: Sequence[ColumnElement[bool]], since: datetime, until: datetime) -> Any:
    return (
        select(*_HEADING, func.count().label("opened"))
        .where(_C.opened_at >= since, _C.opened_at < until, *where)
        .group_by(*_HEADING)
    )


def _ended(
    connection: Connection, where: Sequence[ColumnElement[bool]], since: datetime, until: datetime
) -> Any:
    lasted = seconds(connection, _C.resolved_at) - seconds(connection, _C.opened_at)
    return (
        select(*_HEADING, _C.resolution, func.count().label("resolved"), func.sum(lasted).label("seconds"))
        .where(_C.resolved_at.is_not(None), _C.resolved_at >= since, _C.resolved_at < until, *where)
        .group_by(*_HEADING, _C.resolution)
    )


def _summed(
    rows: Iterable[RowMapping],
    name: Describe,
    titles: Mapping[str, str] | None = None,
    severities: Mapping[str, str] | None = None,
) -> tuple[Share, ...]:
    sums: defaultdict[str, _Sum] = defaultdict(_Sum)
    for row in rows:
        _add(sums[name(row)], row)
    ranked = sorted(sums.items(), key=lambda item: (-item[1].open, item[0]))
    return tuple(
        Share(
            name=each,
            open=found.open,
            enforce=found.enforce,
            opened=found.opened,
            resolved=found.resolved,
            fixed=found.fixed,
            mean_seconds_to_fix=found.seconds / found.fixed if found.fixed else None,
            title=(titles or {}).get(each, ""),
            severity=(severities or {}).get(each, ""),
        )
        for each, found in ranked
    )


def _add(into: _Sum, row: RowMapping) -> None:
    count = row.get("open", 0)
    into.open += count
    into.enforce += count if row.get("mode") == "enforce" else 0
    into.opened += row.get("opened", 0)
    into.resolved += row.get("resolved", 0)
    if row.get("resolution") == Resolution.FIXED:
        into.fixed += row["resolved"]
        into.seconds += float(row["seconds"])

"""Violations rolled up: by workload and policy, by policy, by namespace.

A group is computed by the database from an index that holds all that it needs; its example is
read by its id afterwards, for what the policy said.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Integer, cast, distinct, func, select
from sqlalchemy.engine import Connection, RowMapping

from sink.queries import orders
from sink.queries.filters import Filter, conditions
from sink.queries.model import Group, Owner
from sink.queries.reader import Reader
from sink.queries.reading import page
from sink.queries.words import By, Sort
from sink.tables import policies, violations

T = TypeVar("T")
_C = violations.c
_EXAMPLES = 500
"""Read in one query."""

_HEADINGS: Mapping[By, tuple[ColumnElement[Any], ...]] = {
    By.WORKLOAD: (_C.cluster, _C.namespace, _C.workload_kind, _C.workload_name, _C.policy),
    By.POLICY: (_C.policy, _C.cluster),
    By.NAMESPACE: (_C.cluster, _C.namespace),
}
_OLDEST = func.min(_C.opened_at, type_=_C.opened_at.type)
_NEWEST = func.max(_C.opened_at, type_=_C.opened_at.type)
_COUNT = cast(func.count(), Integer)
_WORKLOAD = (_C.cluster, _C.namespace, _C.workload_kind, _C.workload_name)


async def list_groups(
    reader: Reader,
    wanted: Filter,
    by: By,
    sort: Sort,
    limit: int | None,
    into: Callable[[Iterator[Group]], T],
    start: str = "",
) -> tuple[T, str]:
    """Hand the groups to `into`, at most `limit`; returns its answer and the token to go on with.

    The groups are in memory: there are as many as there are workloads, not as resources.
    """
    heading = _HEADINGS[by]
    columns, downwards = _order(heading, sort)
    about = (by.value, sort.value, wanted.state.value)
    query = (
        select(
            *heading,
            _OLDEST.label("oldest"),
            _NEWEST.label("newest"),
            func.max(_C.last_seen_at, type_=_C.last_seen_at.type).label("last_seen"),
            _COUNT.label("violations"),
            func.min(_C.mode).label("strictest"),  # of "enforce" and "warn"
            func.min(_C.id).label("example"),
            *_distinct(by),
        )
        .where(*conditions(wanted))
        .group_by(*heading)
        .order_by(*orders.order(columns, downwards=downwards))
    )
    if start:
        key = orders.key_of(start, about, columns)
        query = query.having(orders.after(columns, key, downwards=downwards))
    found: Sequence[RowMapping] = ()

    def run(connection: Connection) -> T:
        nonlocal found
        found = page(connection, query if limit is None else query.limit(limit + 1))
        return into(_groups(connection, by, found[:limit]))

    answer = await reader.run(run)
    if limit is None or len(found) <= limit:
        return answer, ""
    return answer, orders.token(about, _key(found[limit - 1], columns))


def _order(heading: Sequence[ColumnElement[Any]], sort: Sort) -> tuple[list[ColumnElement[Any]], bool]:
    match sort:
        case Sort.NEWEST:
            return [_NEWEST, *heading], True
        case Sort.OLDEST:
            return [_OLDEST, *heading], False
        case Sort.COUNT:
            return [_COUNT, *heading], True
        case Sort.POLICY:
            return sorted(heading, key=lambda column: column is not _C.policy), False
        case Sort.RESOURCE:
            return sorted(heading, key=lambda column: column is _C.policy), False


def _key(row: RowMapping, columns: Sequence[ColumnElement[Any]]) -> orders.Key:
    names = {id(_NEWEST): "newest", id(_OLDEST): "oldest", id(_COUNT): "violations"}
    return tuple(row[names.get(id(column)) or column.key or ""] for column in columns)


def _distinct(by: By) -> list[ColumnElement[Any]]:
    """Counted over the workload's columns joined by what no name holds."""
    if by is By.WORKLOAD:
        return []
    workload = _C.namespace + "/" + _C.workload_kind + "/" + _C.workload_name
    return [
        func.count(distinct(workload)).label("workloads"),
        func.count(distinct(_C.policy)).label("policies"),
    ]


def _groups(connection: Connection, by: By, found: Sequence[RowMapping]) -> Iterator[Group]:
    described = select(policies.c.cluster, policies.c.name, policies.c.title, policies.c.severity)
    known = {(row["cluster"], row["name"]): row for row in page(connection, described)} if found else {}
    for begin in range(0, len(found), _EXAMPLES):
        batch = found[begin : begin + _EXAMPLES]
        ids = [row["example"] for row in batch]
        said = select(_C.id, _C.message, _C.warning).where(_C.id.in_(ids))
        messages = {row["id"]: row["message"] or row["warning"] for row in page(connection, said)}
        for row in batch:
            policy = known.get((row["cluster"], row.get("policy")))
            yield _group(row, by, policy, messages.get(row["example"], ""))


def _group(row: RowMapping, by: By, policy: RowMapping | None, message: str) -> Group:
    of_workload = by is By.WORKLOAD
    return Group(
        cluster=row["cluster"],
        namespace=row.get("namespace"),
        workload=Owner(kind=row["workload_kind"], name=row["workload_name"]) if of_workload else None,
        policy=row.get("policy"),
        policy_title=(policy["title"] or None) if policy else None,
        severity=(policy["severity"] or None) if policy else None,
        mode=row["strictest"],
        violations=row["violations"],
        workloads=1 if of_workload else row["workloads"],
        policies=1 if of_workload else row["policies"],
        oldest_opened_at=row["oldest"],
        newest_opened_at=row["newest"],
        last_seen_at=row["last_seen"],
        example=row["example"],
        message="" if by is By.NAMESPACE else message,
    )

"""Violations rolled up: by workload and policy, by policy, by namespace.

A group is computed by the database from an index that holds all that it needs; its example is
read by its id afterwards, for what the policy said.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

from sqlalchemy import Integer, Subquery, cast, distinct, func, literal, select
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

_WORKLOAD = ("cluster", "namespace", "workload_kind", "workload_name", "policy")
_HEADINGS: Mapping[By, tuple[str, ...]] = {
    By.WORKLOAD: _WORKLOAD,
    By.POLICY: ("policy", "cluster"),
    By.NAMESPACE: ("cluster", "namespace"),
}
_AMOUNTS = {Sort.NEWEST: "newest", Sort.OLDEST: "oldest", Sort.COUNT: "violations"}
"""What these orders begin with."""


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
    groups = _by_workload(wanted) if by is By.WORKLOAD else _of_workloads(wanted, _HEADINGS[by])
    columns = [groups.c[name] for name in _order(_HEADINGS[by], sort)]
    downwards = sort in (Sort.NEWEST, Sort.COUNT)
    about = (by.value, sort.value, wanted.state.value)
    query = select(groups).order_by(*orders.order(columns, downwards=downwards))
    if start:
        query = query.where(orders.after(columns, orders.key_of(start, about, columns), downwards=downwards))
    found: Sequence[RowMapping] = ()

    def run(connection: Connection) -> T:
        nonlocal found
        found = page(connection, query if limit is None else query.limit(limit + 1))
        return into(_groups(connection, by, found[:limit]))

    answer = await reader.run(run)
    if limit is None or len(found) <= limit:
        return answer, ""
    return answer, orders.token(about, tuple(found[limit - 1][column.name] for column in columns))


def _order(heading: Sequence[str], sort: Sort) -> list[str]:
    match sort:
        case Sort.NEWEST | Sort.OLDEST | Sort.COUNT:
            return [_AMOUNTS[sort], *heading]
        case Sort.POLICY:
            return sorted(heading, key=lambda name: name != "policy")
        case Sort.RESOURCE:
            return sorted(heading, key=lambda name: name == "policy")


def _by_workload(wanted: Filter) -> Subquery:
    """Groups of one workload and policy, in the order of an index."""
    heading = [_C[name] for name in _WORKLOAD]
    query = select(
        *heading,
        func.min(_C.opened_at, type_=_C.opened_at.type).label("oldest"),
        func.max(_C.opened_at, type_=_C.opened_at.type).label("newest"),
        func.max(_C.last_seen_at, type_=_C.last_seen_at.type).label("last_seen"),
        func.count().label("violations"),
        func.min(_C.mode).label("strictest"),  # of "enforce" and "warn"
        func.min(_C.id).label("example"),
    )
    return query.where(*conditions(wanted)).group_by(*heading).subquery()


def _of_workloads(wanted: Filter, names: Sequence[str]) -> Subquery:
    """Groups of those groups: thousands, where counting what is distinct costs nothing."""
    inner = _by_workload(wanted).c
    heading = [inner[name] for name in names]
    one_policy = "policy" in names
    # joined by what no name holds
    workload = inner.namespace + "/" + inner.workload_kind + "/" + inner.workload_name
    query = select(
        *heading,
        func.min(inner.oldest, type_=inner.oldest.type).label("oldest"),
        func.max(inner.newest, type_=inner.newest.type).label("newest"),
        func.max(inner.last_seen, type_=inner.last_seen.type).label("last_seen"),
        cast(func.sum(inner.violations), Integer).label("violations"),
        func.min(inner.strictest).label("strictest"),
        func.min(inner.example).label("example"),
        # a policy's groups differ in their workloads, which then need not be told apart
        (func.count() if one_policy else func.count(distinct(workload))).label("workloads"),
        (literal(1) if one_policy else func.count(distinct(inner.policy))).label("policies"),
    )
    return query.group_by(*heading).subquery()


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

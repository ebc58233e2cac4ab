"""Violations rolled up: by workload and policy, by policy, by namespace.

A group is computed by the database from an index that holds all that it needs; its example is
read by its id afterwards, for what the policy said.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar, assert_never

from sqlalchemy import (
    ColumnElement,
    Integer,
    Subquery,
    cast,
    distinct,
    func,
    literal,
    or_,
    select,
    union_all,
)
from sqlalchemy.engine import Connection, RowMapping
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from sink.queries import orders
from sink.queries.filters import Filter, conditions
from sink.queries.model import Group, Owner
from sink.queries.reader import Reader
from sink.queries.reading import page
from sink.queries.words import By, Sort, State
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

    The groups are in memory: there are as many as there are workloads, not as resources. Pages of an
    order in which groups move when violations come and go are of the list as the first page found it.
    """
    heading = _HEADINGS[by]
    order = _order(heading, sort)
    downwards = sort in (Sort.NEWEST, Sort.COUNT)
    about = (by.value, sort.value, wanted.state.value)
    moves = sort in _AMOUNTS
    key: orders.Key | None = None
    if start:
        types = [*(_TYPES[name] for name in order), *(_MOMENTS if moves else ())]
        key = orders.key_of(start, about, types)
    rest = ""

    def run(connection: Connection) -> T:
        nonlocal rest
        moments = _moments(connection, key) if moves and (key or limit is not None) else None
        groups = _by_workload(wanted, moments)
        if by is not By.WORKLOAD:
            groups = _of_workloads(groups, heading)
        columns = [groups.c[name] for name in order]
        query = select(groups).order_by(*orders.order(columns, downwards=downwards))
        if key is not None:
            query = query.where(orders.after(columns, key[: len(order)], downwards=downwards))
        found = page(connection, query if limit is None else query.limit(limit + 1))
        if limit is not None and len(found) > limit:
            last = tuple(found[limit - 1][name] for name in order)
            rest = orders.token(about, (*last, *(moments or ())))
        return into(_groups(connection, by, found[:limit]))

    return await reader.run(run), rest


_TYPES: Mapping[str, ColumnElement[Any]] = {
    **{name: _C[name] for name in _WORKLOAD},
    "newest": _C.opened_at,
    "oldest": _C.opened_at,
    "violations": literal(0),
}
"""What is like the columns of an order."""

_MOMENTS = (_C.opened_at, _C.written_at)
_EVER = datetime(1970, 1, 1, tzinfo=UTC)
_Moments = tuple[datetime, datetime]
"""Of what the first page knew: when the latest violation opened, and when the latest change was written."""


def _moments(connection: Connection, key: orders.Key | None) -> _Moments | None:
    """Of the first page: then its list is the same on every other. None: there is nothing."""
    if key is not None:
        return key[-2], key[-1]
    latest = (select(func.max(each, type_=each.type).label("latest")) for each in _MOMENTS)
    opened, written = (page(connection, query)[0]["latest"] for query in latest)
    return None if opened is None else (opened, written or _EVER)


def _there(wanted: Filter, moments: _Moments | None) -> Iterator[Sequence[ColumnElement[bool]]]:
    """Conditions of what is asked for, as it was at these moments; of what is there in one of these ways."""
    if moments is None:
        yield [*conditions(wanted)]
        return
    opened, written = moments
    # few, each by an index of its own: asked for directly they would keep the groups from theirs
    others = violations.alias("others").c
    opened_later = select(others.id).where(others.opened_at > opened)
    ended_later = select(others.id).where(others.written_at > written, others.resolved_at.is_not(None))
    was_open = _C.id.not_in(opened_later)
    match wanted.state:
        case State.OPEN:
            yield [*conditions(wanted), was_open]
            yield [*conditions(replace(wanted, state=State.ALL)), was_open, _C.id.in_(ended_later)]
        case State.ALL:
            yield [*conditions(wanted), was_open]
        case State.RESOLVED | State.WAIVED:
            yield [*conditions(wanted), or_(_C.written_at.is_(None), _C.written_at <= written)]
        case _:
            assert_never(wanted.state)


def _order(heading: Sequence[str], sort: Sort) -> list[str]:
    match sort:
        case Sort.NEWEST | Sort.OLDEST | Sort.COUNT:
            return [_AMOUNTS[sort], *heading]
        case Sort.POLICY:
            return sorted(heading, key=lambda name: name != "policy")
        case Sort.RESOURCE:
            return sorted(heading, key=lambda name: name == "policy")


def _by_workload(wanted: Filter, moments: _Moments | None) -> Subquery:
    """Groups of one workload and policy; those of each part in the order of an index."""
    heading = [_C[name] for name in _WORKLOAD]
    parts = [
        select(
            *heading,
            func.min(_C.opened_at, type_=_C.opened_at.type).label("oldest"),
            func.max(_C.opened_at, type_=_C.opened_at.type).label("newest"),
            func.max(_C.last_seen_at, type_=_C.last_seen_at.type).label("last_seen"),
            func.count().label("violations"),
            func.min(_C.mode).label("strictest"),  # of "enforce" and "warn"
            func.min(_C.id).label("example"),
        )
        .where(*where)
        .group_by(*heading)
        for where in _there(wanted, moments)
    ]
    if len(parts) == 1:
        return parts[0].subquery()
    both = union_all(*parts).subquery().c
    names = [both[name] for name in _WORKLOAD]
    return select(*names, *_summed(both)).group_by(*names).subquery()


def _summed(groups: "ReadOnlyColumnCollection[str, Any]") -> Iterator[ColumnElement[Any]]:
    """Of several groups, what one has."""
    yield func.min(groups.oldest, type_=groups.oldest.type).label("oldest")
    yield func.max(groups.newest, type_=groups.newest.type).label("newest")
    yield func.max(groups.last_seen, type_=groups.last_seen.type).label("last_seen")
    yield cast(func.sum(groups.violations), Integer).label("violations")
    yield func.min(groups.strictest).label("strictest")
    yield func.min(groups.example).label("example")


def _of_workloads(groups: Subquery, names: Sequence[str]) -> Subquery:
    """Groups of those groups: thousands, where counting what is distinct costs nothing."""
    inner = groups.c
    heading = [inner[name] for name in names]
    one_policy = "policy" in names
    # joined by what no name holds
    workload = inner.namespace + "/" + inner.workload_kind + "/" + inner.workload_name
    query = select(
        *heading,
        *_summed(inner),
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

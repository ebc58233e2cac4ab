"""What every query should answer, in plain Python over all rows. Tests nothing itself.

Written without a look at the SQL: loops and comparisons over violations and terms as users write them.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sink.queries.model import Violation
from sink.queries.words import By, Sort, State

Policy = tuple[str, str]
"""Cluster and name."""


@dataclass(frozen=True)
class Asked:
    """A filter as a user writes it: lists of terms."""

    state: State
    clusters: Sequence[str] = ()
    policies: Sequence[str] = ()
    namespaces: Sequence[str] = ()
    kinds: Sequence[str] = ()
    names: Sequence[str] = ()
    severities: Sequence[str] = ()
    owners: Sequence[str] = ()
    images: Sequence[str] = ()
    modes: Sequence[str] = ()
    since: datetime | None = None
    until: datetime | None = None


def workload(each: Violation) -> tuple[str, str]:
    """Kind and name of the root owner, or of the resource itself."""
    if each.owner:
        return each.owner.kind, each.owner.name
    return each.resource.kind, each.resource.name


def _matches(pattern: str, text: str) -> bool:
    parts = ({"*": ".*", "?": "."}.get(letter) or re.escape(letter) for letter in pattern)
    return re.fullmatch("".join(parts), text, re.DOTALL) is not None


def _chosen(terms: Sequence[str], matches: Callable[[str], bool]) -> bool:
    wanted = [term for term in terms if not term.startswith("!")]
    refused = [term[1:] for term in terms if term.startswith("!")]
    return (not wanted or any(map(matches, wanted))) and not any(map(matches, refused))


def _owned(each: Violation, term: str) -> bool:
    kind, name = workload(each)
    if "/" in term:
        return _matches(term.lower().split("/")[0], kind.lower()) and _matches(term.split("/")[1], name)
    return _matches(term, name)


def chosen(found: Sequence[Violation], asked: Asked, severities: dict[Policy, str]) -> list[Violation]:
    """The violations that are asked for, in no order."""
    return [each for each in found if _is_chosen(each, asked, severities)]


def is_waived(each: Violation) -> bool:
    """Whether a waiver covers it now."""
    return each.waiver is not None and each.waiver.ended_at is None


def _is_in(each: Violation, state: State) -> bool:
    match state:
        case State.OPEN:
            return each.resolved_at is None
        case State.RESOLVED:
            return each.resolved_at is not None
        case State.WAIVED:
            return is_waived(each)
        case State.ALL:
            return True


def _is_chosen(each: Violation, asked: Asked, severities: dict[Policy, str]) -> bool:
    if not _is_in(each, asked.state):
        return False
    moment = each.resolved_at if asked.state is State.RESOLVED else each.opened_at
    assert moment is not None
    severity = severities.get((each.cluster, each.policy))
    images = [*each.images, each.image or ""]
    return (
        _chosen(asked.clusters, lambda term: _matches(term, each.cluster))
        and _chosen(asked.policies, lambda term: _matches(term, each.policy))
        and _chosen(asked.namespaces, lambda term: _matches(term, each.resource.namespace))
        and _chosen(asked.kinds, lambda term: _matches(term.lower(), each.resource.kind.lower()))
        and _chosen(asked.names, lambda term: _matches(term, each.resource.name))
        and _chosen(asked.severities, lambda term: severity is not None and _matches(term, severity))
        and _chosen(asked.owners, lambda term: _owned(each, term))
        and _chosen(asked.images, lambda term: any(_matches(f"*{term}*", image) for image in images))
        and (not asked.modes or each.mode in asked.modes)
        and (asked.since is None or moment >= asked.since)
        and (asked.until is None or moment < asked.until)
    )


def ordered(found: Sequence[Violation], sort: Sort, state: State) -> list[Violation]:
    """In the order asked for."""

    def moment(each: Violation) -> Any:
        return (each.resolved_at if state is State.RESOLVED else each.opened_at, each.id)

    def resource(each: Violation) -> tuple[str, ...]:
        return each.cluster, each.resource.namespace, each.resource.kind, each.resource.name

    match sort:
        case Sort.NEWEST:
            return sorted(found, key=moment, reverse=True)
        case Sort.OLDEST:
            return sorted(found, key=moment)
        case Sort.RESOURCE:
            return sorted(found, key=lambda each: (*resource(each), each.policy, each.id))
        case _:
            return sorted(found, key=lambda each: (each.policy, *resource(each), each.id))


def heading(each: Violation, by: By) -> tuple[str, ...]:
    """What a violation is listed under."""
    match by:
        case By.WORKLOAD:
            return (each.cluster, each.resource.namespace, *workload(each), each.policy)
        case By.POLICY:
            return (each.policy, each.cluster)
        case _:
            return (each.cluster, each.resource.namespace)


def groups(found: Sequence[Violation], by: By, sort: Sort) -> list[tuple[Any, ...]]:
    """Heading, violations, workloads, policies, mode, oldest, newest, last seen, example; in order."""
    members: defaultdict[tuple[str, ...], list[Violation]] = defaultdict(list)
    for each in found:
        members[heading(each, by)].append(each)
    rows = [
        (
            name,
            len(group),
            len({(each.resource.namespace, *workload(each)) for each in group}),
            len({each.policy for each in group}),
            "enforce" if any(each.mode == "enforce" for each in group) else "warn",
            min(each.opened_at for each in group),
            max(each.opened_at for each in group),
            max(each.last_seen_at for each in group),
            min(each.id for each in group),
        )
        for name, group in members.items()
    ]
    return sorted(rows, key=_GROUP_ORDERS[sort](by), reverse=sort in (Sort.NEWEST, Sort.COUNT))


def _by_policy(name: tuple[str, ...], by: By) -> tuple[str, ...]:
    return (name[-1], *name[:-1]) if by is By.WORKLOAD else name


def _by_resource(name: tuple[str, ...], by: By) -> tuple[str, ...]:
    return name[::-1] if by is By.POLICY else name


_GROUP_ORDERS: dict[Sort, Callable[[By], Callable[[Any], Any]]] = {
    Sort.NEWEST: lambda _: lambda row: (row[6], row[0]),
    Sort.OLDEST: lambda _: lambda row: (row[5], row[0]),
    Sort.COUNT: lambda _: lambda row: (row[1], row[0]),
    Sort.POLICY: lambda by: lambda row: _by_policy(row[0], by),
    Sort.RESOURCE: lambda by: lambda row: _by_resource(row[0], by),
}


def counts(found: Sequence[Violation], name: Callable[[Violation], str]) -> list[tuple[str, int, int]]:
    """Names with how many there are, and how many of mode enforce."""
    total = Counter(map(name, found))
    enforced = Counter(name(each) for each in found if each.mode == "enforce")
    return sorted(((each, total[each], enforced[each]) for each in total), key=lambda row: (-row[1], row[0]))


def period(found: Sequence[Violation], since: datetime, until: datetime) -> tuple[Any, ...]:
    """Opened, resolved, how, and the mean seconds to a fix."""
    ended = [each for each in found if each.resolved_at and since <= each.resolved_at < until]
    fixed = [
        (each.resolved_at - each.opened_at).total_seconds()
        for each in ended
        if each.resolved_at and each.resolution == "fixed"
    ]
    opened = sum(since <= each.opened_at < until for each in found)
    how = dict(Counter(each.resolution for each in ended))
    return opened, len(ended), how, sum(fixed) / len(fixed) if fixed else None

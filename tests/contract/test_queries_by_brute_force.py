"""Every query on every database beside plain Python, over random histories.

Not covered: how answers are shown (`tests/unit/cli`), one query with one effect (`test_violation_queries`).
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, update

from pipeline.events import Mode, Outcome, ResourceRef
from sink import schema
from sink.database import connect, parse_url
from sink.queries.filters import Filter
from sink.queries.groups import list_groups
from sink.queries.model import Count, Group, Occurrence, Period, Violation
from sink.queries.reader import Reader
from sink.queries.summary import summarise
from sink.queries.terms import terms
from sink.queries.violations import list_history, list_violations
from sink.queries.words import By, Sort, State
from sink.rows import resolved, violation_row, waived
from sink.tables import policies, violations
from tests.contract import brute_force
from tests.contract.brute_force import Asked
from tests.contract.test_violation_queries import policy_row
from tests.unit.sink.histories import START, Said, told, verdict, waiver

# few names, so that they meet; some that SQL could take for patterns
CLUSTERS = ("prod", "test")
NAMESPACES = ("shop", "shop_a", "sh%p", "")
KINDS = ("Pod", "Job", "Deployment")
NAMES = ("web", "web-1", "Web", "w_b")
POLICIES = ("no-root", "no-latest", "signed")
LONG = f"{'long-' * 80}nginx"
"""Two of these are more than the index of images holds."""
IMAGES = ("nginx:1", "registry/nginx", "a_b%c", "x\\y", LONG)
OWNERS = (None, ("Deployment", "web"), ("Job", "w_b"))
SEVERITIES = ("high", "low", "")

moments = st.integers(0, 60).map(lambda minutes: START + timedelta(minutes=minutes, microseconds=minutes))


@st.composite
def rows(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Rows of `violations`: of each key spans one after the other, the last one perhaps open."""
    found: list[dict[str, Any]] = []
    for story, name in enumerate(draw(st.lists(st.sampled_from(NAMES), max_size=6))):
        owner = draw(st.sampled_from(OWNERS))
        namespace = draw(st.sampled_from(NAMESPACES))
        ref = owner and ResourceRef(api_version="v1", kind=owner[0], namespace=namespace, name=owner[1])
        said = Said(Outcome.FAIL, draw(st.sampled_from(Mode)))
        policy, cluster, kind = (draw(st.sampled_from(names)) for names in (POLICIES, CLUSTERS, KINDS))
        images = draw(st.lists(st.sampled_from(IMAGES), max_size=2))
        ends = sorted(draw(st.sets(moments, min_size=1, max_size=5)))
        spans = [*zip(ends[::2], ends[1::2], strict=False)]
        for opened, ended in [*spans, *([(ends[-1], None)] if len(ends) % 2 else [])]:
            one = verdict(
                said, name, policy, at=opened, cluster=cluster, namespace=namespace, kind=kind,
                owner=ref or None, images=images,
            )  # fmt: skip
            record = told(one, f"{len(found)}")
            assert record.event is not None
            row = violation_row(f"{record.key}#{story}", record.event, one)
            how = draw(st.sampled_from(["fixed", "resource_deleted", "policy_changed", "waived"]))
            row = resolved(row, how, ended) if ended else row
            if row["resolution"] == "waived":
                lasts = ended == ends[-1] and draw(st.booleans())
                row |= {**waived(waiver("legacy")), "waiver_ended_at": None if lasts else ends[-1]}
            found.append(row)
    return found


severities = st.fixed_dictionaries(
    {(cluster, policy): st.sampled_from(SEVERITIES) for cluster in CLUSTERS for policy in POLICIES}
)


def _some(names: Sequence[str], *more: str) -> st.SearchStrategy[list[str]]:
    plain = st.sampled_from([*(name for name in names if name), *more])
    globs = st.sampled_from(["*", "?*", "w*", "*o*", "sh?p", "*_*", "%", "[sw]*", "*e"])
    one = st.one_of(plain, globs)
    return st.lists(st.one_of(one, one.map(lambda term: f"!{term}")), max_size=2)


asked = st.builds(
    Asked,
    st.sampled_from(State),
    clusters=_some(CLUSTERS),
    policies=_some(POLICIES),
    namespaces=_some(NAMESPACES),
    kinds=_some(KINDS, "POD"),
    names=_some(NAMES),
    severities=_some(SEVERITIES),
    owners=_some(NAMES, "deployment/web", "job/*", "*/w?b"),
    images=_some(IMAGES, "nginx"),
    modes=st.lists(st.sampled_from(["warn", "enforce"]), max_size=1),
    since=st.none() | moments,
    until=st.none() | moments,
)
# most filters name one or two things: all at once leave nothing to compare
_FIELDS = tuple(Asked.__dataclass_fields__)


@st.composite
def questions(draw: st.DrawFn) -> Asked:
    """A state, and up to two filters."""
    whole = draw(asked)
    kept = draw(st.sets(st.sampled_from(_FIELDS[1:]), max_size=2))
    return Asked(whole.state, **{name: getattr(whole, name) for name in kept})


def filter_of(question: Asked) -> Filter:
    plain = ("state", "modes", "since", "until")
    found: dict[str, Any] = {
        name: getattr(question, name) if name in plain else terms(getattr(question, name)) for name in _FIELDS
    }
    return Filter(**{**found, "modes": tuple(question.modes)})


@asynccontextmanager
async def holding(
    database: str, found: Sequence[dict[str, Any]], severity: dict[tuple[str, str], str]
) -> AsyncIterator[tuple[Reader, list[Violation]]]:
    """A database with these rows; all of its violations."""
    async with connect(parse_url(database), writes=True) as engine:
        await schema.upgrade(engine)
        async with engine.begin() as connection:
            await connection.execute(delete(violations))
            await connection.execute(delete(policies))
            if found:
                await connection.execute(insert(violations), list(found))
            known = [policy_row(name, cluster, severity=said) for (cluster, name), said in severity.items()]
            await connection.execute(insert(policies), known)
    async with Reader.open(database) as reader:
        everything, _ = await list_violations(reader, Filter(state=State.ALL), Sort.OLDEST, None, list)
        yield reader, everything


examples = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


@examples
@given(rows(), severities, questions(), st.sampled_from([*Sort][:4]), st.integers(1, 5), st.integers(1, 3))
async def test_a_list_is_what_was_asked_for_in_order_however_it_is_cut(
    database: str,
    found: list[dict[str, Any]],
    severity: dict[tuple[str, str], str],
    question: Asked,
    sort: Sort,
    limit: int,
    page: int,
) -> None:
    async with holding(database, found, severity) as (reader, everything):
        expected = brute_force.ordered(
            brute_force.chosen(everything, question, severity), sort, question.state
        )
        listed: list[Violation] = []
        token = ""
        while True:
            part, token = await list_violations(
                reader, filter_of(question), sort, limit, list, page, start=token
            )
            listed += part
            if not token:
                break
        assert listed == expected


@examples
@given(
    rows(), severities, questions(), st.sampled_from([By.WORKLOAD, By.POLICY, By.NAMESPACE]),
    st.sampled_from(Sort), st.integers(1, 4),
)  # fmt: skip
async def test_groups_hold_all_that_was_asked_for_and_are_in_order(
    database: str,
    found: list[dict[str, Any]],
    severity: dict[tuple[str, str], str],
    question: Asked,
    by: By,
    sort: Sort,
    limit: int,
) -> None:
    async with holding(database, found, severity) as (reader, everything):
        expected = brute_force.groups(brute_force.chosen(everything, question, severity), by, sort)
        listed: list[Group] = []
        token = ""
        while True:
            part, token = await list_groups(reader, filter_of(question), by, sort, limit, list, start=token)
            listed += part
            if not token:
                break
        assert [_plain(each, by) for each in listed] == expected
        messages = {each.id: each.message for each in everything}
        assert all(each.message == messages[each.example] for each in listed if by is not By.NAMESPACE)
        if by is not By.NAMESPACE:
            said = [severity[each.cluster, each.policy or ""] or None for each in listed]
            assert [each.severity for each in listed] == said


def _plain(group: Group, by: By) -> tuple[Any, ...]:
    names: dict[By, tuple[str | None, ...]] = {
        By.POLICY: (group.policy, group.cluster),
        By.NAMESPACE: (group.cluster, group.namespace),
    }
    workload = (group.workload.kind, group.workload.name) if group.workload else ()
    return (
        names.get(by, (group.cluster, group.namespace, *workload, group.policy)),
        *(group.violations, group.workloads, group.policies, group.mode),
        *(group.oldest_opened_at, group.newest_opened_at, group.last_seen_at, group.example),
    )


@examples
@given(
    rows(),
    rows(),
    severities,
    st.sampled_from([State.OPEN, State.OPEN, State.RESOLVED, State.ALL]),
    st.sampled_from([By.WORKLOAD, By.POLICY, By.NAMESPACE]),
    st.sampled_from([Sort.NEWEST, Sort.OLDEST, Sort.COUNT]),
    st.data(),
)
async def test_pages_of_groups_are_of_one_list_whatever_opens_and_ends_in_between(
    database: str,
    found: list[dict[str, Any]],
    more: list[dict[str, Any]],
    severity: dict[tuple[str, str], str],
    state: State,
    by: By,
    sort: Sort,
    data: st.DataObject,
) -> None:
    later = START + timedelta(days=1)
    found = [{**row, "written_at": data.draw(st.none() | moments)} for row in found]
    for row in more:  # as they would come next: after all of the others
        moved = {name: row[name] + timedelta(days=1) for name in ("opened_at", "resolved_at") if row[name]}
        row |= {**moved, "id": f"ffff{row['id'][4:]}", "verdict_key": f"{row['verdict_key']}+"}
        row["written_at"] = later + timedelta(hours=2)
    async with holding(database, found, severity) as (reader, everything):
        question = Asked(state)
        wanted = brute_force.chosen(everything, question, severity)
        expected = [(row[0], row[1]) for row in brute_force.groups(wanted, by, sort)]
        listed: list[Group] = []
        token, changes = "", [*more]
        while True:
            part, token = await list_groups(reader, filter_of(question), by, sort, 1, list, start=token)
            listed += part
            if not token:
                break
            ends = [row for row in found if row["resolved_at"] is None and data.draw(st.booleans(), "ends")]
            with reader.engine.begin() as connection:
                for row in ends:
                    row["resolved_at"] = later
                    end = {
                        "resolved_at": later,
                        "resolution": "fixed",
                        "written_at": later + timedelta(hours=1),
                    }
                    connection.execute(update(violations).where(violations.c.id == row["id"]).values(**end))
                if changes:
                    connection.execute(insert(violations), changes)
                    changes = []
        assert [_plain(each, by)[:2] for each in listed] == expected


@examples
@given(rows(), severities, questions())
async def test_a_history_counts_each_time_of_a_key(
    database: str, found: list[dict[str, Any]], severity: dict[tuple[str, str], str], question: Asked
) -> None:
    async with holding(database, found, severity) as (reader, everything):
        wanted = brute_force.chosen(everything, question, severity)
        expected = brute_force.ordered(wanted, Sort.NEWEST, question.state)
        keys = {row["id"]: row["verdict_key"] for row in found}
        listed: list[Occurrence]
        listed, _ = await list_history(reader, filter_of(question), Sort.NEWEST, None, list, 2)
        assert [each.id for each in listed] == [each.id for each in expected]
        for each in listed:
            before = [
                other for other in everything
                if keys[other.id] == keys[each.id] and other.opened_at < each.opened_at
            ]  # fmt: skip
            assert each.occurrence == len(before) + 1


@examples
@given(rows(), severities, questions(), moments, st.integers(1, 90))
async def test_a_summary_counts_what_is_open_and_what_came_and_went(
    database: str,
    found: list[dict[str, Any]],
    severity: dict[tuple[str, str], str],
    question: Asked,
    since: datetime,
    minutes: int,
) -> None:
    until = since + timedelta(minutes=minutes)
    async with holding(database, found, severity) as (reader, everything):
        whole = Asked(
            **{name: getattr(question, name) for name in _FIELDS if name not in ("state", "since", "until")},
            state=State.ALL,
        )
        wanted = brute_force.chosen(everything, whole, severity)
        open_ = [each for each in wanted if each.resolved_at is None]
        summary = await summarise(reader, filter_of(question), since, until)
    places = Asked(State.ALL, clusters=question.clusters, namespaces=question.namespaces)
    first = min((each.opened_at for each in brute_force.chosen(everything, places, severity)), default=since)
    assert summary.recorded_since == (first if first > since else None)
    assert summary.waived == sum(map(brute_force.is_waived, wanted))
    assert (summary.open, summary.enforce) == (len(open_), sum(each.mode == "enforce" for each in open_))
    for shown, name in (
        (summary.policies, lambda each: each.policy),
        (summary.namespaces, lambda each: each.resource.namespace),
        (summary.severities, lambda each: severity[each.cluster, each.policy] or "none"),
        (summary.modes, lambda each: each.mode),
    ):
        assert list(map(_count, shown)) == brute_force.counts(open_, name)
    _same_period(summary.period, brute_force.period(wanted, since, until))
    _same_period(summary.before, brute_force.period(wanted, since - (until - since), since))
    assert summary.period.open_at_end == len(open_)
    assert summary.before.open_at_end == len(open_) - summary.period.opened + summary.period.resolved


def _count(count: Count) -> tuple[str, int, int]:
    return count.name, count.violations, count.enforce


def _same_period(period: Period, expected: tuple[Any, ...]) -> None:
    assert (period.opened, period.resolved, period.resolutions) == expected[:3]
    if expected[3] is None:
        assert period.mean_seconds_to_fix is None
    else:
        assert period.mean_seconds_to_fix == pytest.approx(expected[3], abs=0.01)

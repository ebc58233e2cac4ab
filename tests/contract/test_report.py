"""What a report is made from, on every database, beside plain Python over random histories.

Not covered: lists by group and the summary in it (`test_queries_by_brute_force`), how a report is
written (`tests/unit/cli`), the page in a browser (`tests/integration/report`).
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert

from pipeline.events import Mode, Outcome, Verdict
from sink.queries.filters import Filter
from sink.queries.model import Violation
from sink.queries.reader import Reader
from sink.queries.report import report
from sink.queries.report_model import Share, Unjudged
from sink.queries.terms import terms
from sink.queries.trend import edges
from sink.queries.verdicts import Judged, list_clusters, list_judged
from sink.queries.violations import list_period
from sink.queries.words import State
from sink.rows import verdict_row
from sink.tables import policies, resources, verdicts
from tests.contract import brute_force
from tests.contract.brute_force import Asked
from tests.contract.test_queries_by_brute_force import (
    filter_of,
    holding,
    moments,
    questions,
    rows,
    severities,
)
from tests.contract.test_violation_queries import policy_row, put
from tests.contract.test_violation_queries import reader as reader  # noqa: PLC0414 - a fixture
from tests.unit.sink.histories import ERROR, FAIL, PASS, START, Said, told, verdict

examples = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
Policy = tuple[str, str]


def whole(question: Asked) -> Asked:
    """Without what a report takes no notice of."""
    names = (
        "clusters",
        "policies",
        "namespaces",
        "kinds",
        "names",
        "severities",
        "owners",
        "images",
        "modes",
    )
    return Asked(State.ALL, **{name: getattr(question, name) for name in names})


def open_at(found: Sequence[Violation], at: datetime, mode: str = "") -> int:
    return sum(
        each.opened_at < at and (each.resolved_at is None or each.resolved_at >= at)
        for each in found
        if not mode or each.mode == mode
    )


@examples
@given(rows(), severities, questions(), moments, st.integers(1, 90))
async def test_each_step_of_the_trend_counts_what_was_open_then(
    database: str,
    found: list[dict[str, Any]],
    severity: dict[Policy, str],
    question: Asked,
    since: datetime,
    minutes: int,
) -> None:
    now = START + timedelta(minutes=61 + minutes)  # after all that ever happened
    async with holding(database, found, severity) as (reader, everything):
        said = await report(reader, filter_of(question), since, now, 3)
    wanted = brute_force.chosen(everything, whole(question), severity)
    places = Asked(State.ALL, clusters=question.clusters, namespaces=question.namespaces)
    recorded = brute_force.chosen(everything, places, severity)
    first = min((each.opened_at for each in recorded), default=None)
    assert said.recorded_since == first
    begin = max(since, first) if first else since
    assert (said.points[0].since, said.points[-1].until) == (begin, now)
    assert said.open_at_start == open_at(wanted, begin)
    assert said.enforce_at_start == open_at(wanted, begin, "enforce")
    for point in said.points:
        inside = [each for each in wanted if point.since <= each.opened_at < point.until]
        ended = [
            each for each in wanted if each.resolved_at and point.since <= each.resolved_at < point.until
        ]
        assert (point.opened, point.resolved) == (len(inside), len(ended))
        assert point.open == open_at(wanted, point.until)
        assert point.enforce == open_at(wanted, point.until, "enforce")


@examples
@given(rows(), severities, questions(), moments)
async def test_shares_and_workloads_add_up(
    database: str, found: list[dict[str, Any]], severity: dict[Policy, str], question: Asked, since: datetime
) -> None:
    now = START + timedelta(minutes=90)
    async with holding(database, found, severity) as (reader, everything):
        said = await report(reader, filter_of(question), since, now, 2)
    wanted = brute_force.chosen(everything, whole(question), severity)
    begin = said.points[0].since
    for shares, name in (
        (said.policies, lambda each: each.policy),
        (said.namespaces, lambda each: each.resource.namespace),
        (said.severities, lambda each: severity[each.cluster, each.policy] or "none"),
    ):
        assert list(map(plain, shares)) == expected_shares(wanted, name, begin, now)
    open_ = [each for each in wanted if each.resolved_at is None]
    workloads: defaultdict[tuple[str, ...], list[Violation]] = defaultdict(list)
    for each in open_:
        workloads[each.cluster, each.resource.namespace, *brute_force.workload(each)].append(each)
    assert said.workloads == len(workloads)
    ranked = sorted(((*worst(members), name) for name, members in workloads.items()), key=rank)
    assert [
        (each.policies, each.enforced_policies, each.violations, each.oldest_opened_at,
         (each.cluster, each.namespace, each.workload.kind, each.workload.name))
        for each in said.worst
    ] == ranked[:2]  # fmt: skip


def plain(share: Share) -> tuple[Any, ...]:
    mean = None if share.mean_seconds_to_fix is None else round(share.mean_seconds_to_fix)
    return share.name, share.open, share.enforce, share.opened, share.resolved, share.fixed, mean


def expected_shares(
    found: Sequence[Violation], name: Callable[[Violation], str], since: datetime, until: datetime
) -> list[tuple[Any, ...]]:
    members: defaultdict[str, list[Violation]] = defaultdict(list)
    for violation in found:
        members[name(violation)].append(violation)
    expected = []
    for each, group in members.items():
        opened, ended, how, mean = brute_force.period(group, since, until)
        open_ = [one for one in group if one.resolved_at is None]
        if open_ or opened or ended:
            enforced = sum(one.mode == "enforce" for one in open_)
            fixed = how.get("fixed", 0)
            expected.append(
                (each, len(open_), enforced, opened, ended, fixed, None if mean is None else round(mean))
            )
    return sorted(expected, key=lambda row: (-row[1], row[0]))


def worst(members: Sequence[Violation]) -> tuple[int, int, int, datetime]:
    enforced = {each.policy for each in members if each.mode == "enforce"}
    oldest = min(each.opened_at for each in members)
    return len({each.policy for each in members}), len(enforced), len(members), oldest


def rank(row: tuple[Any, ...]) -> tuple[Any, ...]:
    policies_, enforced, violations, _, name = row
    return -policies_, -enforced, -violations, name


@pytest.mark.parametrize(
    ("length", "steps", "step"),
    [
        (timedelta(days=30), 30, timedelta(days=1)),
        (timedelta(days=7), 28, timedelta(hours=6)),
        (timedelta(days=365), 27, timedelta(days=14)),
        (timedelta(hours=24), 24, timedelta(hours=1)),
        (timedelta(minutes=3), 12, timedelta(seconds=15)),
        (timedelta(days=36500), 48, timedelta(days=36500) / 48),
    ],
)
def test_a_period_is_cut_into_steps_that_are_round(length: timedelta, steps: int, step: timedelta) -> None:
    found = edges(START - length, START)
    assert (found[0], found[-1], len(found) - 1) == (START - length, START, steps)
    assert {later - earlier for earlier, later in pairwise(found[1:])} <= {step}


def resource_row(
    name: str, namespace: str = "shop", *, seen: datetime = START, **columns: Any
) -> dict[str, Any]:
    return {
        "key": f"prod/{namespace}/{name}", "cluster": "prod", "namespace": namespace, "name": name,
        "first_seen_at": seen, "last_seen_at": seen, **columns,
    }  # fmt: skip


async def test_resources_are_counted_and_the_record_begins_with_the_first(reader: Reader) -> None:
    await put(reader, verdict(name="web", at=START + timedelta(hours=2)))
    with reader.engine.begin() as connection:
        for row in (
            resource_row("web", seen=START + timedelta(hours=1)),
            resource_row("api"),
            resource_row("gone", deleted_at=START),
            resource_row("db", "data"),
        ):
            connection.execute(insert(resources), row)
    now = START + timedelta(days=1)
    said = await report(reader, Filter(namespaces=terms(["shop"])), START - timedelta(days=9), now, 5)
    assert (said.resources, said.violating, said.recorded_since) == (2, 1, START)
    assert said.summary.period.since == START


async def put_verdicts(reader: Reader, *found: Verdict) -> None:
    with reader.engine.begin() as connection:
        for each in found:
            record = told(each)
            assert record.event is not None
            connection.execute(insert(verdicts), verdict_row(record.key, record.event, each))


async def test_policies_that_could_not_judge_everything_are_named(reader: Reader) -> None:
    with reader.engine.begin() as connection:
        for row in (
            policy_row("broken", error="spec.mode: expected warn or enforce"),
            policy_row("slow"),
            policy_row("good"),
            policy_row("gone", deleted=True, error="no more"),
        ):
            connection.execute(insert(policies), row)
    await put_verdicts(
        reader, verdict(ERROR, "a", "slow"), verdict(ERROR, "b", "slow"), verdict(PASS, "a", "good")
    )
    said = await report(reader, Filter(), START - timedelta(days=1), START + timedelta(days=1), 5)
    assert said.unjudged == (
        Unjudged(cluster="prod", policy="broken", error="spec.mode: expected warn or enforce", resources=0),
        Unjudged(cluster="prod", policy="slow", error="", resources=2),
    )
    other = Filter(policies=terms(["good"]))
    assert (await report(reader, other, START, START + timedelta(days=1), 5)).unjudged == ()


async def test_what_was_there_in_a_period_is_what_is_open_and_what_ended_in_it(reader: Reader) -> None:
    await put(reader, verdict(name="old"), verdict(name="new", at=START + timedelta(days=8)))
    await put(reader, verdict(name="over", at=START), resolution="fixed")
    await put(reader, verdict(name="lately", at=START + timedelta(days=7)), resolution="fixed")
    since, until = START + timedelta(days=3), START + timedelta(days=9)
    found = await list_period(reader, Filter(), since, until, list, size=1)
    assert [each.resource.name for each in found] == ["new", "old", "lately"]


async def test_verdicts_are_read_resource_by_resource_however_they_are_cut(reader: Reader) -> None:
    enforced = Said(Outcome.FAIL, Mode.ENFORCE)
    await put_verdicts(
        reader, verdict(PASS, "web", "b"), verdict(enforced, "web", "a"), verdict(FAIL, "db", "a"),
        verdict(ERROR, "api", "a", namespace="back"), verdict(PASS, "api", "b", cluster="test"),
    )  # fmt: skip
    with reader.engine.begin() as connection:
        connection.execute(insert(policies), policy_row("a", severity="High", title="Title"))
    assert await list_clusters(reader, Filter()) == ["prod", "test"]
    for size in (1, 2, 100):
        found: list[Judged] = await list_judged(reader, Filter(clusters=terms(["prod"])), START, list, size)
        assert [(each.resource.name, [said.policy for said in each.said]) for each in found] == [
            ("api", ["a"]), ("db", ["a"]), ("web", ["a", "b"]),
        ]  # fmt: skip
    said = found[-1].said[0]
    assert (said.outcome, said.mode, said.severity, said.title) == ("fail", "enforce", "high", "Title")
    severe = Filter(severities=terms(["high"]), namespaces=terms(["shop"]), modes=("enforce",))
    assert [each.resource.name for each in await list_judged(reader, severe, START, list)] == ["web"]

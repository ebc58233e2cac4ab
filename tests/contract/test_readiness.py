"""What `enforce` would refuse, beside a count in plain Python over random rows; on both databases."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert

from pipeline.events import Outcome
from sink import rows
from sink.queries.reader import Reader
from sink.queries.readiness import readiness
from sink.queries.terms import terms
from sink.tables import policies, resources, verdicts, violations
from tests.contract.test_violation_queries import policy_row
from tests.contract.test_violation_queries import reader as reader  # noqa: PLC0414 - a fixture
from tests.unit.sink.histories import START, Said, told, verdict, waiver

CLUSTERS, POLICIES, PODS = ("prod", "test"), ("a", "b"), ("web-1", "web-2", "db", "lost")
SINCE, NOW = START + timedelta(days=7), START + timedelta(days=14)
REFUSED = {Outcome.FAIL, Outcome.WARN}


@dataclass(frozen=True)
class Judged:
    """A verdict of a Pod, or of one of its images."""

    cluster: str
    policy: str
    pod: str
    image: str
    outcome: Outcome

    @property
    def workload(self) -> str:
        return "web" if self.pod.startswith("web-") else self.pod


@dataclass(frozen=True)
class Lasted:
    """A span: days of its begin and end, and the day on which what waived it ends."""

    cluster: str
    policy: str
    pod: str
    opened: int
    resolved: int | None
    covered_until: int | None


judged = st.builds(
    Judged, st.sampled_from(CLUSTERS), st.sampled_from(POLICIES), st.sampled_from(PODS),
    st.sampled_from(["", "i1", "i2"]), st.sampled_from(list(Outcome)),
)  # fmt: skip
lasted = st.builds(
    Lasted, st.sampled_from(CLUSTERS), st.sampled_from(POLICIES), st.sampled_from(PODS),
    st.integers(0, 12), st.none() | st.integers(1, 13), st.none() | st.sampled_from([10, 20]),
)  # fmt: skip


def fill(reader: Reader, told_: list[Judged], spans: list[Lasted]) -> None:
    with reader.engine.begin() as connection:
        for table in (verdicts, violations, resources, policies):
            connection.execute(delete(table))
        for cluster in CLUSTERS:
            known = [policy_row(name, cluster) for name in POLICIES]
            connection.execute(insert(policies), [{**each, "mode": "warn"} for each in known])
            for pod in PODS[:-1]:
                said = verdict(name=pod, cluster=cluster)
                key = rows.verdict_row("", _event(said), said)["resource_key"]
                owner = {"owner_kind": "Deployment", "owner_name": "web"} if pod.startswith("web-") else {}
                place = {"cluster": cluster, "kind": "Pod", "namespace": "shop", "name": pod}
                times = {"first_seen_at": START, "last_seen_at": START}
                connection.execute(insert(resources), {"key": key, **place, **times, **owner})
        for each in told_:
            said = verdict(Said(each.outcome), each.pod, each.policy, cluster=each.cluster)
            row = rows.verdict_row(f"{_event(said).key}/{each.image}", _event(said), said)
            connection.execute(insert(verdicts), row)
        for number, span in enumerate(spans):
            connection.execute(insert(violations), _span(span, number))


def _event(said: Any) -> Any:
    return told(said).event


def _span(span: Lasted, number: int) -> rows.Row:
    said = verdict(
        name=span.pod, policy=span.policy, cluster=span.cluster, at=START + timedelta(days=span.opened)
    )
    row = rows.violation_row(f"{number}", _event(said), said)
    if span.covered_until is not None:
        row = rows.resolved(row, "waived", START + timedelta(days=span.opened))
        return row | {
            **rows.waived(waiver("legacy")), "waiver_expires_at": START + timedelta(days=span.covered_until)
        }  # fmt: skip
    if span.resolved is not None:
        return rows.resolved(row, "fixed", START + timedelta(days=max(span.resolved, span.opened)))
    return row


def expected(cluster: str, policy: str, told_: list[Judged], spans: list[Lasted]) -> dict[str, Any]:
    mine = [each for each in told_ if (each.cluster, each.policy) == (cluster, policy)]
    lives = [each for each in spans if (each.cluster, each.policy) == (cluster, policy)]
    objects = [each for each in mine if each.outcome in REFUSED or each.outcome is Outcome.ERROR]
    open_ = [each for each in lives if each.resolved is None and each.covered_until is None]
    covered = {each.pod for each in lives if (each.covered_until or 0) > (NOW - START).days}
    before = 0
    for each in lives:
        end = each.opened if each.covered_until is not None else each.resolved
        end = None if end is None else max(end, each.opened)
        before += each.opened <= (SINCE - START).days and (end is None or end > (SINCE - START).days)
    return {
        "resources": len({each.pod for each in mine if each.outcome is not Outcome.WITHDRAWN}),
        "refused": len({each.pod for each in mine if each.outcome in REFUSED}),
        "errors": len({each.pod for each in mine if each.outcome is Outcome.ERROR}),
        "workloads": len({each.workload for each in objects}),
        "waived": len(covered),
        "open": len(open_),
        "open_before": before,
        "oldest_opened_at": min((START + timedelta(days=each.opened) for each in open_), default=None),
    }


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    told_=st.lists(
        judged, max_size=10, unique_by=lambda each: (each.cluster, each.policy, each.pod, each.image)
    ),
    spans=st.lists(lasted, max_size=6, unique_by=lambda each: (each.cluster, each.policy, each.pod)),
)
async def test_readiness_counts_what_is_there(
    reader: Reader, told_: list[Judged], spans: list[Lasted]
) -> None:
    fill(reader, told_, spans)
    found = await readiness(reader, terms(["*"]), (), SINCE, NOW)
    assert [(each.policy, each.cluster) for each in found] == [(p, c) for p in POLICIES for c in CLUSTERS]
    for each in found:
        wanted = expected(each.cluster, each.policy, told_, spans)
        assert {name: getattr(each, name) for name in wanted} == wanted
        assert each.ready == (each.resources > 0 and not each.refused and not each.errors)
        assert len({refusal.workload for refusal in each.refusals}) == each.workloads

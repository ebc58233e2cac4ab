"""A history for `benchmarks.sql`: rows as the sink would have left them, and events to write on top.

A few thousand Deployments of 50 Pods each, in 100 namespaces of 2 clusters; 20 policies; spans over
90 days, the last tenth of them open. Seeded: each run has the same.
"""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from benchmarks import pods
from pipeline.bus import Delivery, Record
from pipeline.events import (
    VERDICT_TYPES,
    Change,
    Event,
    EventType,
    Explanation,
    Image,
    Mode,
    Outcome,
    PolicyRef,
    ResourceApplied,
    ResourceRef,
    Topic,
    Verdict,
    source_of,
    subject_of,
    verdict_key,
)
from sink import rows

NOW = datetime.now(UTC)
PODS_EACH = 50
POLICIES = tuple(
    PolicyRef(
        name=f"policy-{number:02}",
        digest=f"sha256:{number:064}",
        mode=Mode.ENFORCE if number % 4 == 0 else Mode.WARN,
        title=f"Policy number {number} of twenty",
    )
    for number in range(20)
)
_DAYS = 90
_PODS = list(pods.pods(200))


def resource(number: int) -> tuple[str, ResourceRef, ResourceRef]:
    """Cluster, Pod and its Deployment."""
    deployment = number // PODS_EACH
    cluster, namespace = f"cluster-{deployment % 2}", f"team-{deployment % 100:02}"
    pod = ResourceRef(
        api_version="v1",
        kind="Pod",
        namespace=namespace,
        name=f"service-{deployment}-7d9f8b6c5-{number % PODS_EACH:05}",
        uid=f"00000000-0000-4000-8000-{number:012}",
        resource_version=str(number),
    )
    owner = ResourceRef(
        api_version="apps/v1", kind="Deployment", namespace=namespace, name=f"service-{deployment}"
    )
    return cluster, pod, owner


def resource_records(first: int, count: int) -> Iterator[Record]:
    """Pods as the watcher publishes them."""
    for number in range(first, first + count):
        cluster, pod, owner = resource(number)
        key = f"{cluster}/{pod.uid}"
        data = ResourceApplied(
            cluster=cluster,
            resource=pod,
            digest=f"{number:064}",
            object=_PODS[number % len(_PODS)],
            owner=owner,
        )
        event = Event(
            type=EventType.RESOURCE_APPLIED, source=source_of(cluster), id=f"r{number}", time=NOW,
            subject=subject_of(pod), key=key, data=data,
        )  # fmt: skip
        yield Record(Topic.RESOURCES, key, event)


def verdict(number: int, policy: PolicyRef, outcome: Outcome, at: datetime) -> tuple[str, Event, Verdict]:
    """What a policy says of a Pod: its key, event and data."""
    cluster, pod, owner = resource(number)
    data = Verdict(
        cluster=cluster,
        resource=pod,
        policy=policy,
        outcome=outcome,
        change=Change.NEW,
        evaluated_at=at,
        owner=owner,
        message=f"container web of {policy.name} runs as root" if outcome is Outcome.FAIL else "",
        images=(Image(name=f"registry.example.com/team/service-{number // PODS_EACH}:1.{number % 7}"),),
        explanation=Explanation(
            file="spec.policy.data",
            line=7,
            expression="not container.securityContext.runAsNonRoot",
            responses=({"result": False, "error": "runs as root"},),
            decided=0,
        ),
        input_digest=f"{number:064}",
    )
    key = verdict_key(cluster, pod.uid, policy.name)
    event = Event(
        type=VERDICT_TYPES[outcome], source=source_of(cluster), id=f"{key}@{at.timestamp()}", time=at,
        subject=subject_of(pod), key=key, data=data,
    )  # fmt: skip
    return key, event, data


def verdict_records(first: int, count: int, outcome: Outcome, at: datetime) -> Iterator[Record]:
    """One verdict for each of these Pods, policies in turn."""
    for number in range(first, first + count):
        key, event, _ = verdict(number, POLICIES[number % len(POLICIES)], outcome, at)
        yield Record(Topic.VERDICTS, key, event)


def deliveries(records: Iterator[Record], size: int, start: int) -> Iterator[Delivery]:
    """Records as a log of one partition delivers them."""
    batch: list[Record] = []
    for offset, record in enumerate(records, start):
        batch.append(_placed(record, offset))
        if len(batch) == size:
            yield _delivery(batch)
            batch = []
    if batch:
        yield _delivery(batch)


def _placed(record: Record, offset: int) -> Record:
    """The record at an offset."""
    return Record(record.topic, record.key, record.event, 0, offset)


def _delivery(batch: list[Record]) -> Delivery:
    return Delivery(batch, {(batch[-1].topic, 0): batch[-1].offset + 1})


def spans(count: int, resources: int) -> Iterator[rows.Row]:
    """Rows of `violations`; of each ten, one is open, and each key has two or one."""
    source = random.Random(7)
    for number in range(count):
        pod, turn = number % resources, number // resources
        policy = POLICIES[(pod + turn // 2 * 7) % len(POLICIES)]
        opened = (
            NOW - timedelta(days=_DAYS) * (1 - number / count) - timedelta(seconds=source.random() * 3600)
        )
        key, event, data = verdict(pod, policy, Outcome.FAIL, opened)
        row = rows.violation_row(key, event, data)
        if (pod + turn) % 10:
            lasted = timedelta(hours=source.expovariate(1 / 20))
            how = source.choices(("fixed", "resource_deleted", "policy_changed"), (6, 3, 1))[0]
            row = rows.resolved(row, how, min(opened + lasted, NOW))
        yield {**row, "written_at": row["resolved_at"] or row["opened_at"]}


def verdict_rows(count: int) -> Iterator[rows.Row]:
    """Rows of `verdicts`: the last of one policy for each Pod."""
    for number in range(count):
        policy = POLICIES[number % len(POLICIES)]
        outcome = Outcome.PASS if number % 10 else Outcome.FAIL
        key, event, data = verdict(number, policy, outcome, NOW - timedelta(days=1))
        yield rows.verdict_row(key, event, data)


def policy_rows() -> Iterator[rows.Row]:
    """Rows of `policies`."""
    for cluster in ("cluster-0", "cluster-1"):
        for number, policy in enumerate(POLICIES):
            yield {
                "key": f"{cluster}/{policy.name}", "cluster": cluster, "name": policy.name,
                "file": "", "engine": "regorus", "error": "", "unsupported": "", "memo": "",
                "description": "",
                "digest": policy.digest, "mode": policy.mode.value, "title": policy.title,
                "severity": ("high", "medium", "low")[number % 3], "url": "https://example.com/policies",
                "refusals": {}, "findings": [], "reads": [], "applied_at": NOW, "deleted_at": None,
            }  # fmt: skip


def resource_rows(count: int) -> Iterator[tuple[rows.Row, rows.Row]]:
    """Rows of `resources` and of `objects`."""
    for record in resource_records(0, count):
        assert record.event is not None  # noqa: S101 - made above
        assert isinstance(record.event.data, ResourceApplied)  # noqa: S101
        data: Any = record.event.data
        yield rows.resource_row(record.key, record.event, data), rows.object_row(record.key, data)

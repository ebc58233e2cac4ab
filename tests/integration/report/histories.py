"""A shop's audit over ten weeks, as rows: its policies, workloads and violations. Tests nothing itself.

Seeded: each call has the same, back from the moment that is given.
"""

import asyncio
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert

from pipeline.events import Mode, Outcome, ResourceRef, verdict_key
from sink import schema
from sink.database import connect, parse_url
from sink.rows import Row, resolved, verdict_row, violation_row
from sink.tables import policies, resources, verdicts, violations
from tests.unit.sink.histories import Said, told, verdict

POLICIES = (
    (
        "privileged-containers", "Containers do not run privileged", "critical", Mode.ENFORCE,
        "container {name} is privileged",
    ),
    (
        "image-allowed-registries", "Images come from our registries", "high", Mode.ENFORCE,
        "image docker.io/{name}:1.4 is from docker.io",
    ),
    (
        "run-as-non-root", "Containers run as another user than root", "high", Mode.WARN,
        "container {name} may run as root",
    ),
    (
        "host-path-volumes", "Volumes do not reach into the node", "high", Mode.WARN,
        "volume data is the node's /var/lib/{name}",
    ),
    (
        "capabilities", "Containers drop what they do not need", "medium", Mode.WARN,
        "container {name} keeps NET_RAW",
    ),
    (
        "image-digest-pinned", "Images are pinned by digest", "medium", Mode.WARN,
        "image registry.example.com/{name}:1.4 has no digest",
    ),
    (
        "resource-limits", "Containers have limits", "medium", Mode.WARN,
        "container {name} has no memory limit",
    ),
    (
        "seccomp", "System calls are filtered", "medium", Mode.WARN,
        "container {name} is unconfined",
    ),
    (
        "probes", "Services say whether they work", "low", Mode.WARN,
        "container {name} has no readinessProbe",
    ),
    (
        "required-labels", "Everything has an owner", "low", Mode.WARN,
        "label app.kubernetes.io/part-of is missing",
    ),
    (
        "service-account-token", "Tokens are mounted where they are used", "", Mode.WARN,
        "the token is mounted in {name}",
    ),
)  # fmt: skip
NAMESPACES = ("checkout", "catalogue", "payments", "identity", "search", "warehouse", "mail", "monitoring")
NAMES = ("api", "web", "worker", "gateway", "scheduler", "cache", "importer", "frontend", "ledger", "proxy")
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</style></title><script>document.title='owned'</script>",
    "{{ 7 * 7 }}{% include 'x' %}",
    "x" * 253,
    "safe\u202egnp.exe",
    "=HYPERLINK(1) | `code` @everyone",
)


def fill(url: str, now: datetime, *, hostile: bool = False) -> None:
    """Make the database, and the shop's history in it up to `now`."""
    asyncio.run(_fill(url, now, hostile=hostile))


async def _fill(url: str, now: datetime, *, hostile: bool) -> None:
    source = random.Random(8)  # noqa: S311 - a history, no secret
    workloads = list(_workloads(source))
    async with connect(parse_url(url), writes=True) as engine:
        await schema.upgrade(engine)
        async with engine.begin() as connection:
            await connection.execute(insert(policies), list(_policies(now, hostile=hostile)))
            await connection.execute(insert(resources), [_resource(each, now) for each in workloads])
            spans = list(_spans(source, workloads, now))
            if hostile:
                spans += _hostile(now)
            await connection.execute(insert(violations), [row for row, _ in spans])
            await connection.execute(insert(verdicts), [row for _, row in spans if row])


def _workloads(source: random.Random) -> Iterator[ResourceRef]:
    for namespace in NAMESPACES:
        for name in source.sample(NAMES, source.randint(5, 9)):
            kind = source.choice(("Deployment", "Deployment", "StatefulSet", "CronJob"))
            yield ResourceRef("apps/v1", kind, namespace, name, f"uid-{namespace}-{name}")


def _policies(now: datetime, *, hostile: bool) -> Iterator[Row]:
    for name, title, severity, mode, _ in POLICIES:
        yield _policy(name, now, title=title, severity=severity, mode=mode.value)
    yield _policy(
        "no-latest-tag", now, error="spec.policy.data: 7:12: undefined function contain", mode="warn"
    )
    if hostile:
        for number, text in enumerate(HOSTILE):
            yield _policy(text, now, title=text, severity=text, mode="warn", error=text if number < 2 else "")


def _policy(name: str, now: datetime, **columns: Any) -> Row:
    return {
        "key": f"prod/{name}", "cluster": "prod", "name": name, "digest": "p1", "refusals": {},
        "findings": [], "reads": [], "applied_at": now, "error": "", "title": "", "severity": "", **columns,
    }  # fmt: skip


def _resource(ref: ResourceRef, now: datetime) -> Row:
    return {
        "key": f"prod/{ref.uid}", "cluster": "prod", "namespace": ref.namespace, "kind": ref.kind,
        "name": ref.name, "first_seen_at": now - timedelta(days=70), "last_seen_at": now,
    }  # fmt: skip


def _spans(
    source: random.Random, workloads: list[ResourceRef], now: datetime
) -> Iterator[tuple[Row, Row | None]]:
    """The shop gets better: what opened lately is fixed sooner, and less opens."""
    for ref in workloads:
        for name, _, _, mode, message in POLICIES:
            at = now - timedelta(days=70) + timedelta(hours=source.random() * 24)
            while at < now:
                at += timedelta(days=source.expovariate(1 / 20))
                late = 1 - (now - at) / timedelta(days=70)
                lasted = timedelta(days=source.expovariate(1 / (16 - 13 * late)))
                if source.random() < 0.45 or at >= now:
                    continue
                yield _span(ref, name, mode, message.format(name=ref.name), at, lasted, now, source)
                at += lasted


def _span(
    ref: ResourceRef, policy: str, mode: Mode, message: str, at: datetime, lasted: timedelta, now: datetime,
    source: random.Random,
) -> tuple[Row, Row | None]:  # fmt: skip
    row, said = _row(ref, policy, mode, message, at)
    if at + lasted >= now:
        return row, said
    how = source.choices(("fixed", "resource_deleted", "policy_changed"), (8, 3, 1))[0]
    return resolved(row, how, at + lasted), None


def _row(ref: ResourceRef, policy: str, mode: Mode, message: str, at: datetime) -> tuple[Row, Row]:
    said = verdict(
        Said(Outcome.FAIL, mode), ref.name, policy, at=at, namespace=ref.namespace, kind=ref.kind
    )  # fmt: skip
    record = told(said)
    assert record.event is not None
    row = violation_row(record.key, record.event, said)
    of_verdict = verdict_row(record.key, record.event, said)
    return {**row, "message": message}, {**of_verdict, "message": message}


def _hostile(now: datetime) -> list[tuple[Row, Row | None]]:
    found: list[tuple[Row, Row | None]] = []
    for number, text in enumerate(HOSTILE):
        ref = ResourceRef("v1", text, text, text, f"uid-{number}")
        row, said = _row(ref, text, Mode.ENFORCE, text, now - timedelta(minutes=number))
        key = verdict_key("prod", ref.uid, text)
        found.append(({**row, "verdict_key": key}, {**said, "key": key}))
    return found

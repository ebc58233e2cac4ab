"""Verdict events as the evaluator publishes them, for tests of who gets them."""

from collections.abc import Mapping
from datetime import UTC, datetime

from pipeline.bus import Record
from pipeline.events import (
    VERDICT_TYPES,
    Change,
    Event,
    Mode,
    Outcome,
    PolicyRef,
    ResourceRef,
    Topic,
    Verdict,
    source_of,
    subject_of,
    verdict_key,
)

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


def verdict(
    name: str,
    number: int,
    *,
    policy: str = "no-root",
    outcome: Outcome = Outcome.FAIL,
    namespace: str = "shop",
    cluster: str = "c",
    mode: Mode = Mode.WARN,
    offset: int = 0,
    extra: Mapping[str, str] | None = None,
) -> Record:
    """The verdict with this number of a Pod."""
    resource = ResourceRef(
        api_version="v1",
        kind="Pod",
        namespace=namespace,
        name=name,
        uid=f"uid-{name}",
        resource_version=str(number),
    )
    data = Verdict(
        cluster=cluster,
        resource=resource,
        policy=PolicyRef(name=policy, digest="sha256:0", mode=mode),
        outcome=outcome,
        change=Change.NEW,
        evaluated_at=NOW,
        message="runs as röot",
    )
    key = verdict_key(cluster, resource.uid, policy)
    attributes = {
        "cluster": cluster,
        "namespace": namespace,
        "kind": "Pod",
        "policy": policy,
        "mode": mode.value,
        "change": "new",
    }
    event = Event(
        type=VERDICT_TYPES[outcome],
        source=source_of(cluster),
        id=f"{name}-{number}",
        time=NOW,
        subject=subject_of(resource),
        key=key,
        data=data,
        extensions={**attributes, **(extra or {})},
    )
    return Record(Topic.VERDICTS, key, event, offset=offset)


def history(resources: int, each: int) -> list[Record]:
    """Verdicts of several resources, one after the other in turn, with the offsets of one partition."""
    return [
        verdict(f"pod-{resource}", number, offset=number * resources + resource)
        for number in range(each)
        for resource in range(resources)
    ]

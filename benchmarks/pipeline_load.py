"""The events of `benchmarks.pipeline`: Pods and policies on the log, without a watcher."""

import hashlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

import msgspec
import yaml

import catalog
from benchmarks import pods
from pipeline.bus import Record
from pipeline.events import (
    Event,
    EventType,
    PolicyApplied,
    ResourceApplied,
    ResourceRef,
    Topic,
    policy_key,
    resource_key,
    source_of,
    subject_of,
)

CLUSTER = "bench"
POLICY = "baseline-privileged-containers"
"""The one whose verdict each change turns."""


@cache
def pod(number: int) -> dict[str, Any]:
    """One of the templates."""
    found: dict[str, Any] = _templates()[number % pods.TEMPLATES]
    return found


@cache
def _templates() -> list[dict[str, Any]]:
    return list(pods.pods(pods.TEMPLATES))


def key(number: int) -> str:
    """Of a Pod on the log."""
    return resource_key(CLUSTER, _uid(number))


def digest(number: int, version: int) -> str:
    """Of a version of a Pod."""
    return hashlib.sha256(f"{number}/{version}".encode()).hexdigest()


def changed(number: int, version: int) -> Record:
    """A version of a Pod: the odd ones are privileged. Node and token are its own."""
    template = pod(number)
    name = f"{template['metadata']['name']}-{number:06}"
    body = pods.running(template, name, f"node-{number % 97}", f"kube-api-access-{number:05x}")
    containers = [
        {**each, "securityContext": {**each["securityContext"], "privileged": bool(version % 2)}}
        for each in body["spec"]["containers"]
    ]
    metadata = {**body["metadata"], "uid": _uid(number), "resourceVersion": str(version)}
    body = {**body, "metadata": metadata, "spec": {**body["spec"], "containers": containers}}
    ref = ResourceRef(
        api_version="v1",
        kind="Pod",
        namespace=metadata["namespace"],
        name=name,
        uid=_uid(number),
        resource_version=str(version),
    )
    applied = ResourceApplied(
        cluster=CLUSTER, resource=ref, digest=digest(number, version), object=body, owner=None
    )
    event = Event(
        type=EventType.RESOURCE_APPLIED,
        source=source_of(CLUSTER),
        id=f"{number}-{version}",
        time=datetime.now(UTC),
        subject=subject_of(ref),
        key=key(number),
        data=applied,
    )
    return Record(Topic.RESOURCES, key(number), event)


def policies(count: int, note: str = "") -> Iterator[Record]:
    """The first of the catalog's baseline, the privileged one first. `note`: makes another version."""
    files = sorted(
        catalog.baseline().glob("*.yaml"), key=lambda path: (path.stem != "privileged-containers", path)
    )
    for file in files[:count]:
        body = yaml.safe_load(file.read_text(encoding="utf-8"))
        body["spec"]["policy"]["data"] += f"\n# {note}\n"
        name = body["metadata"]["name"]
        applied = PolicyApplied(
            cluster=CLUSTER,
            name=name,
            digest=hashlib.sha256(msgspec.json.encode(body)).hexdigest(),
            object=body,
        )
        event = Event(
            type=EventType.POLICY_APPLIED,
            source=source_of(CLUSTER),
            id=applied.digest,
            time=datetime.now(UTC),
            subject=f"ClusterImagePolicy/{name}",
            key=policy_key(CLUSTER, name),
            data=applied,
        )
        yield Record(Topic.POLICIES, policy_key(CLUSTER, name), event)


def batches(records: Sequence[tuple[int, int]], size: int = 500) -> Iterator[list[Record]]:
    """Versions of Pods, made as they are wanted."""
    for at in range(0, len(records), size):
        yield [changed(number, version) for number, version in records[at : at + size]]


def _uid(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012}"

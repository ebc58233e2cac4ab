"""The inventory on every database: what the sink keeps of objects and policies, and how it is read.

Not covered: what is evaluated on it.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from pipeline.bus import Record
from pipeline.events import (
    Event,
    EventType,
    Mode,
    Payload,
    PolicyApplied,
    PolicyChecked,
    PolicyRef,
    ResourceApplied,
    ResourceRef,
    Topic,
)
from sink import schema
from sink.database import connect, parse_url
from sink.queries.inventory import Kept, PolicyVersion, current_policies, inventory, versions_of
from sink.queries.reader import Reader
from sink.queries.terms import terms
from sink.store import Store
from tests.contract.test_store import delivery, gone
from tests.unit.sink.histories import CLUSTER, START


@dataclass
class Sides:
    """Both sides of one database; `told` counts what the log holds."""

    store: Store
    reader: Reader
    told: int = 0

    async def tell(self, *records: Record) -> None:
        await self.store.apply(delivery(records, self.told), "log")
        self.told += len(records)

    async def kept(self, *arguments: Sequence[str], page: int = 2) -> list[Kept]:
        return [
            each
            async for found in inventory(self.reader, *map(terms, arguments), page=page)
            for each in found
        ]


@pytest.fixture
async def sides(database: str) -> AsyncIterator[Sides]:
    async with connect(parse_url(database), writes=True) as engine:
        await schema.upgrade(engine)
        async with Reader.open(database) as reader:
            yield Sides(Store(engine), reader)


def _record(topic: Topic, type_: EventType, key: str, data: Payload, minute: int) -> Record:
    time = START + timedelta(minutes=minute)
    event = Event(type=type_, source="/clusters/prod", id="1", time=time, subject="s", key=key, data=data)
    return Record(topic, key, event)


def pod(name: str, namespace: str = "shop", cluster: str = CLUSTER, *, image: str = "nginx:1") -> Record:
    ref = ResourceRef(api_version="v1", kind="Pod", namespace=namespace, name=name, uid=f"uid-{name}")
    owner = ResourceRef(api_version="apps/v1", kind="Deployment", namespace=namespace, name="front")
    content = {"kind": "Pod", "spec": {"containers": [{"name": "web", "image": image}]}}
    data = ResourceApplied(
        cluster=cluster, resource=ref, digest=f"of {image}", object=content, owner=owner, file="w.yaml"
    )
    return _record(Topic.RESOURCES, EventType.RESOURCE_APPLIED, f"{cluster}/uid-{name}", data, 0)


def applied(name: str, digest: str, minute: int, cluster: str = CLUSTER) -> Record:
    content = {"metadata": {"annotations": {"tocsin.dev/severity": "high"}}, "spec": {"version": digest}}
    data = PolicyApplied(cluster=cluster, name=name, digest=digest, object=content)
    return _record(Topic.POLICIES, EventType.POLICY_APPLIED, f"{cluster}/{name}", data, minute)


def checked(name: str, digest: str, minute: int, error: str = "") -> Record:
    ref = PolicyRef(name=name, digest=digest, mode=Mode.ENFORCE, title="No root")
    data = PolicyChecked(cluster=CLUSTER, policy=ref, error=error)
    return _record(Topic.VERDICTS, EventType.POLICY_CHECKED, f"{CLUSTER}/{name}", data, minute)


def shown(versions: Sequence[PolicyVersion]) -> list[tuple[Any, ...]]:
    """Digest, text, mode, error, and the minutes of the first and the last time."""
    return [
        (
            *(each.digest, (each.object or {}).get("spec"), each.mode, each.error),
            *((at - START) // timedelta(minutes=1) for at in (each.first_applied_at, each.last_applied_at)),
        )
        for each in versions
    ]


async def test_an_object_is_kept_as_it_came_last(sides: Sides) -> None:
    await sides.tell(pod("web"), pod("web", image="nginx:2"))
    (kept,) = await sides.kept()
    assert (kept.key, kept.digest, kept.file) == (f"{CLUSTER}/uid-web", "of nginx:2", "w.yaml")
    assert (kept.resource.name, kept.owner_kind, kept.owner_name) == ("web", "Deployment", "front")
    assert kept.object == {"kind": "Pod", "spec": {"containers": [{"name": "web", "image": "nginx:2"}]}}


async def test_what_is_deleted_is_kept_no_more_until_it_comes_back(sides: Sides) -> None:
    await sides.tell(pod("web"), pod("db"), gone(pod("web")))
    assert [each.resource.name for each in await sides.kept()] == ["db"]
    await sides.tell(pod("web"))
    assert [each.resource.name for each in await sides.kept()] == ["db", "web"]


@pytest.mark.parametrize("page", [1, 3, 100])
async def test_pages_hold_each_object_once_and_only_what_is_asked_for(sides: Sides, page: int) -> None:
    await sides.tell(*(pod(f"{number}", "ab"[number % 2], "xy"[number // 4]) for number in range(8)))
    assert {each.key for each in await sides.kept(page=page)} == {f"{'xy'[n // 4]}/uid-{n}" for n in range(8)}
    assert [each.resource.name for each in await sides.kept(["x"], ["a"], page=page)] == ["0", "2"]
    assert await sides.kept(["z"], page=page) == []


@pytest.mark.parametrize("turned", [False, True])
async def test_each_version_of_a_policy_is_kept_with_what_became_of_it(sides: Sides, *, turned: bool) -> None:
    first = [applied("no-root", "p1", 0), checked("no-root", "p1", 0, "broken")]
    await sides.tell(*(first[::-1] if turned else first))
    await sides.tell(applied("no-root", "p2", 5), checked("no-root", "p2", 6))
    assert shown(await versions_of(sides.reader, "no-root")) == [
        ("p2", {"version": "p2"}, "enforce", "", 5, 5),
        ("p1", {"version": "p1"}, "enforce", "broken", 0, 0),
    ]
    assert [each.digest for each in await current_policies(sides.reader)] == ["p2"]


async def test_a_policy_that_is_as_it_was_before_is_that_version_again(sides: Sides) -> None:
    await sides.tell(applied("no-root", "p1", 0), applied("no-root", "p2", 1), applied("no-root", "p1", 2))
    assert [(each[0], *each[4:]) for each in shown(await versions_of(sides.reader, "no-root"))] == [
        ("p1", 0, 2), ("p2", 1, 1),
    ]  # fmt: skip
    assert [each.digest for each in await current_policies(sides.reader)] == ["p1"]


async def test_a_policy_that_is_gone_is_not_current_and_its_versions_stay(sides: Sides) -> None:
    await sides.tell(applied("a", "p1", 0), applied("b", "p1", 0), applied("b", "p1", 0, "other"))
    await sides.tell(gone(applied("a", "p1", 0)))
    assert [each.key for each in await current_policies(sides.reader)] == ["other/b", f"{CLUSTER}/b"]
    assert [each.key for each in await current_policies(sides.reader, terms([CLUSTER]))] == [f"{CLUSTER}/b"]
    assert len(await versions_of(sides.reader, "a")) == 1

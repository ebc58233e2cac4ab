"""Reading real files once onto the in-process bus: what is published, what is taken back, what is counted.

Not here: what comes of it in a database (`tests/e2e/test_scan_with_database`).
"""

import asyncio
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from pipeline.bus import Consumer
from pipeline.bus_memory import MemoryBus
from pipeline.events import Topic
from pipeline.settings import SourceSettings
from tests.e2e.command import policy
from tests.unit.watcher.workloads import pod
from watcher.app import publish_manifests, publish_policies
from watcher.known import Known, Remainders
from watcher.summary import Summary

NOW = datetime(2026, 11, 24, tzinfo=UTC)
SETTINGS = SourceSettings(cluster="c", namespace="default", max_document_bytes=2**20)
TOPICS = (Topic.RESOURCES, Topic.POLICIES, Topic.DEADLETTERS)
KNOWN = Known(
    resources={"c/old": "deploy/old.yaml", "c/elsewhere": "other/a.yaml"},
    policies={"c/old": "rules/old.yaml"},
    failures={"c/deploy/old.yaml#1": "deploy/old.yaml"},
)


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("deploy").mkdir()
    Path("deploy/a.yaml").write_text(
        yaml.safe_dump_all([pod("a"), {"apiVersion": "v1", "kind": "Secret"}, 5])
    )
    Path("rules").mkdir()


@pytest.fixture
async def bus() -> MemoryBus:
    return MemoryBus()


@pytest.fixture
async def consumer(bus: MemoryBus) -> AsyncIterator[Consumer]:
    async with bus.consume("test", TOPICS) as consumer:
        yield consumer


def _left(*manifests: str) -> Remainders:
    return Remainders("c", KNOWN, manifests, ["rules"])


async def _taken_back(bus: MemoryBus, consumer: Consumer) -> set[str]:
    for topic in TOPICS:
        await bus.seal(topic)
    delivery = await consumer.receive(1000)
    return {record.key for record in delivery.records if record.event is None}


async def test_what_is_gone_from_the_paths_is_taken_back_and_what_is_elsewhere_stays(
    bus: MemoryBus, consumer: Consumer
) -> None:
    left = _left("deploy")
    await publish_policies(["rules"], bus, SETTINGS, lambda: NOW, left=left)
    summary = await publish_manifests(["deploy"], bus, SETTINGS, lambda: NOW, asyncio.Event(), left=left)
    assert summary == Summary(resources=1, passed_over={"Secret": 1}, failures=1)
    assert await _taken_back(bus, consumer) == {"c/old", "c/deploy/old.yaml#1"}


async def test_an_interrupted_reading_takes_nothing_back(bus: MemoryBus, consumer: Consumer) -> None:
    os.mkfifo("endless.yaml")
    pipe, stop, paths = os.open("endless.yaml", os.O_RDWR), asyncio.Event(), ["endless.yaml", "deploy"]
    try:
        for number in range(100):
            os.write(pipe, b"---\n" + yaml.safe_dump(pod(f"p{number}")).encode())
        summary = await publish_manifests(
            paths, bus, SETTINGS, lambda: NOW, stop, progress=lambda _: stop.set(), left=_left(*paths)
        )
    finally:
        os.close(pipe)
    assert summary.interrupted
    assert summary.resources > 0
    assert await _taken_back(bus, consumer) == set()


async def test_policies_that_could_not_all_be_read_in_time_are_not_gone(
    bus: MemoryBus, consumer: Consumer
) -> None:
    stop = asyncio.Event()
    stop.set()
    Path("rules/policy.yaml").write_text(yaml.safe_dump(policy("there", "isCompliant { true }")))
    left = _left("deploy")
    await publish_policies(["rules", "deploy"], bus, SETTINGS, lambda: NOW, stop, left)
    assert await _taken_back(bus, consumer) == set()
    assert left.policies.gone == ["c/old"]


async def test_a_path_without_any_policy_is_for_the_user_to_mend_and_takes_nothing_back(
    bus: MemoryBus, consumer: Consumer
) -> None:
    Path("rules/empty.yaml").write_text("")
    left = _left("deploy")
    summary = await publish_policies(["rules", "deploy/a.yaml"], bus, SETTINGS, lambda: NOW, left=left)
    assert [str(problem) for problem in summary.unreadable] == ["rules: no ClusterImagePolicy in it"]
    assert await _taken_back(bus, consumer) == set()

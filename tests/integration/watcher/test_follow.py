"""Following real folders on the in-process bus: after each change the log says what the disk says.

Nothing here waits for time to pass: each test waits for what it expects on the
bus, and there are notices of the operating system only (`recheck` is an hour).
Not here: what is tracked (`tests/unit/watcher/test_tracking`), file systems that send no notices.
"""

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.bus import Consumer, Delivery
from pipeline.bus_memory import MemoryBus
from pipeline.events import Event, PolicyApplied, ResourceApplied, SourceFailed, Topic
from pipeline.settings import SourceSettings
from tests.unit.watcher.workloads import pod
from watcher.follow import follow
from watcher.known import Known
from watcher.summary import Summary

NOW = datetime(2026, 11, 24, tzinfo=UTC)
SETTINGS = SourceSettings(cluster="c", namespace="default", max_document_bytes=2**20)
PATIENCE = 20.0
TOPICS = (Topic.RESOURCES, Topic.POLICIES, Topic.DEADLETTERS)
Look = Callable[["Log"], bool]


@dataclass
class Log:
    """What the bus said so far, folded as a compacted topic is."""

    consumer: Consumer
    state: dict[Topic, dict[str, Event]] = field(default_factory=lambda: {topic: {} for topic in TOPICS})
    tombstones: set[str] = field(default_factory=set)
    order: list[Topic] = field(default_factory=list)
    events: Counter[str] = field(default_factory=Counter)
    summaries: list[Summary] = field(default_factory=list)

    async def until(self, look: Look) -> None:
        """Take from the bus until the log looks like that."""
        async with asyncio.timeout(PATIENCE):
            while not look(self):
                self._take(await self.consumer.receive(100))

    def _take(self, delivery: Delivery) -> None:
        for record in delivery.records:
            self.order.append(record.topic)
            if record.event is None:
                self.state[record.topic].pop(record.key, None)
                self.tombstones.add(record.key)
            else:
                self.state[record.topic][record.key] = record.event
                self.tombstones.discard(record.key)
                self.events[record.event.subject] += 1

    @property
    def pods(self) -> dict[str, bool]:
        """Name -> whether it has the host's network."""
        found = [event.data for event in self.state[Topic.RESOURCES].values()]
        return {
            data.resource.name: bool(data.object["spec"].get("hostNetwork"))
            for data in found
            if isinstance(data, ResourceApplied)
        }

    @property
    def policies(self) -> dict[str, str]:
        """Name -> file."""
        found = [event.data for event in self.state[Topic.POLICIES].values()]
        return {data.name: data.file for data in found if isinstance(data, PolicyApplied)}

    @property
    def failing(self) -> list[str]:
        """Files of the failures."""
        found = [event.data for event in self.state[Topic.DEADLETTERS].values()]
        return sorted(data.file for data in found if isinstance(data, SourceFailed))


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("deploy").mkdir()
    Path("rules").mkdir()


def _write(name: str, *documents: Any) -> None:
    _write_text(name, yaml.safe_dump_all(documents))


def _write_text(name: str, text: str) -> None:
    """Put a file in place in one step, as careful editors do."""
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_text(text)
    fresh.rename(path)


def _policy(name: str, mode: str = "warn") -> dict[str, Any]:
    head = {"apiVersion": "policy.sigstore.dev/v1beta1", "kind": "ClusterImagePolicy"}
    return {**head, "metadata": {"name": name}, "spec": {"mode": mode}}


@asynccontextmanager
async def _following(*paths: str, known: Known | None = None) -> AsyncIterator[Log]:
    bus, stop = MemoryBus(), asyncio.Event()
    async with bus.consume("test", TOPICS) as consumer, asyncio.TaskGroup() as group:
        log = Log(consumer)
        following = follow(
            paths or ("deploy",),
            ("rules",),
            bus,
            SETTINGS,
            lambda: NOW,
            stop,
            known=known,
            listed=log.summaries.append,
            recheck=3600,
        )
        group.create_task(following)
        try:
            yield log
        finally:
            stop.set()


async def test_what_is_there_is_published_policies_first() -> None:
    _write("deploy/a.yaml", pod("a"), pod("b", hostNetwork=True))
    _write("rules/p.yaml", _policy("p"))
    async with _following() as log:
        await log.until(lambda log: len(log.pods) == 2)
        assert log.pods == {"a": False, "b": True}
        assert log.policies == {"p": "rules/p.yaml"}
        assert log.order == [Topic.POLICIES, Topic.RESOURCES, Topic.RESOURCES]
    assert (log.summaries[0].resources, log.summaries[0].policies) == (2, 1)


async def test_only_what_changed_is_told() -> None:
    _write("deploy/a.yaml", pod("a"), pod("b"))
    async with _following() as log:
        await log.until(lambda log: len(log.pods) == 2)
        _write("deploy/a.yaml", pod("a"), pod("b", hostNetwork=True))
        await log.until(lambda log: log.pods["b"])
    assert log.events == {"default/Pod/a": 1, "default/Pod/b": 2}


async def test_new_files_and_folders_are_found() -> None:
    async with _following() as log:
        _write("deploy/a.yaml", pod("a"))
        await log.until(lambda log: "a" in log.pods)
        _write("deploy/team/deep/b.yaml", pod("b"))
        await log.until(lambda log: "b" in log.pods)
    assert not log.failing  # an empty folder is nothing to report


async def test_what_is_deleted_gets_a_tombstone() -> None:
    _write("deploy/a.yaml", pod("a"), pod("b"))
    _write("deploy/c.yaml", pod("c"))
    async with _following() as log:
        await log.until(lambda log: len(log.pods) == 3)
        _write("deploy/a.yaml", pod("a"))
        await log.until(lambda log: "b" not in log.pods)
        Path("deploy/c.yaml").unlink()
        await log.until(lambda log: "c" not in log.pods)
        assert log.pods == {"a": False}


async def test_a_file_that_does_not_parse_keeps_its_last_good_objects_until_it_is_mended() -> None:
    _write("deploy/a.yaml", pod("a"), pod("b"))
    async with _following() as log:
        await log.until(lambda log: len(log.pods) == 2)
        _write_text("deploy/a.yaml", "kind: [Pod\n")
        await log.until(lambda log: log.failing == ["deploy/a.yaml"])
        assert len(log.pods) == 2
        _write("deploy/a.yaml", pod("a", hostNetwork=True))
        await log.until(lambda log: not log.failing)
        assert log.pods == {"a": True}


async def test_a_broken_document_keeps_the_others_of_its_file_up_to_date() -> None:
    _write("deploy/a.yaml", pod("a"), pod("b"))
    async with _following() as log:
        await log.until(lambda log: len(log.pods) == 2)
        _write("deploy/a.yaml", pod("a", hostNetwork=True), {"kind": "Pod"})
        await log.until(lambda log: bool(log.failing))
        assert log.pods == {"a": True, "b": False}


async def test_a_folder_that_is_deleted_and_comes_back_is_followed_again() -> None:
    _write("deploy/a.yaml", pod("a"))
    async with _following() as log:
        await log.until(lambda log: len(log.pods) == 1)
        Path("deploy").rename("aside")
        await log.until(lambda log: not log.pods and log.failing == ["deploy"])
        Path("aside").rename("deploy")
        await log.until(lambda log: log.pods == {"a": False} and not log.failing)
        _write("deploy/b.yaml", pod("b"))
        await log.until(lambda log: "b" in log.pods)


async def test_a_path_that_is_not_there_yet_is_waited_for() -> None:
    async with _following("later/on") as log:
        await log.until(lambda log: log.failing == ["later/on"])
        _write("later/on/a.yaml", pod("a"))
        await log.until(lambda log: log.pods == {"a": False} and not log.failing)


async def test_a_single_file_is_followed_by_its_name() -> None:
    _write("deploy/a.yaml", pod("a"))
    _write("deploy/other.yaml", pod("other"))
    async with _following("deploy/a.yaml") as log:
        await log.until(lambda log: log.pods == {"a": False})
        _write("deploy/a.yaml", pod("a", hostNetwork=True))
        await log.until(lambda log: log.pods == {"a": True})


async def test_a_mounted_config_map_is_followed_through_its_links() -> None:
    _write("deploy/..1/a.yaml", pod("a"))
    _write("deploy/..2/a.yaml", pod("a", hostNetwork=True))
    Path("deploy/..data").symlink_to("..1")
    Path("deploy/a.yaml").symlink_to("..data/a.yaml")
    async with _following() as log:
        await log.until(lambda log: log.pods == {"a": False})
        Path("deploy/..next").symlink_to("..2")
        Path("deploy/..next").rename("deploy/..data")
        await log.until(lambda log: log.pods == {"a": True})


async def test_when_the_first_policy_of_a_name_goes_the_second_takes_its_place() -> None:
    _write("rules/a.yaml", _policy("p"))
    _write("rules/b.yaml", _policy("p", "enforce"))
    async with _following() as log:
        await log.until(lambda log: log.failing == ["rules/b.yaml"])
        assert log.policies == {"p": "rules/a.yaml"}
        Path("rules/a.yaml").unlink()
        await log.until(lambda log: log.policies == {"p": "rules/b.yaml"} and not log.failing)
        Path("rules/b.yaml").unlink()
        await log.until(lambda log: not log.policies)


async def test_a_policy_that_comes_before_the_first_of_its_name_takes_its_place() -> None:
    _write("rules/b.yaml", _policy("p"))
    async with _following() as log:
        await log.until(lambda log: log.policies == {"p": "rules/b.yaml"})
        _write("rules/a.yaml", _policy("p"))
        await log.until(lambda log: log.policies == {"p": "rules/a.yaml"})
        await log.until(lambda log: log.failing == ["rules/b.yaml"])


async def test_a_policy_file_that_does_not_parse_keeps_its_policies() -> None:
    _write("rules/a.yaml", _policy("p"))
    async with _following() as log:
        await log.until(lambda log: len(log.policies) == 1)
        _write_text("rules/a.yaml", "kind: [\n")
        await log.until(lambda log: log.failing == ["rules/a.yaml"])
        assert log.policies == {"p": "rules/a.yaml"}
        _write("rules/a.yaml", _policy("q"))
        await log.until(lambda log: not log.failing)
        assert log.policies == {"q": "rules/a.yaml"}


async def test_what_an_earlier_run_published_and_is_not_there_is_taken_back() -> None:
    _write("deploy/a.yaml", pod("a"))
    _write_text("deploy/broken.yaml", "kind: [\n")
    known = Known(
        resources={"c/gone": "deploy/a.yaml", "c/old": "deploy/old.yaml", "c/kept": "deploy/broken.yaml"},
        policies={"c/p": "rules/p.yaml"},
        failures={"c/deploy/old.yaml#1": "deploy/old.yaml", "c/deploy/broken.yaml#1": "deploy/broken.yaml"},
    )
    async with _following(known=known) as log:
        await log.until(lambda log: "c/deploy/old.yaml#1" in log.tombstones)
        assert log.tombstones == {"c/gone", "c/old", "c/p", "c/deploy/old.yaml#1"}
        assert log.failing == ["deploy/broken.yaml"]


async def test_what_an_earlier_run_published_and_is_there_is_told_again_and_not_taken_back() -> None:
    _write("deploy/a.yaml", pod("a"))
    _write("rules/p.yaml", _policy("p"))
    async with _following() as log:
        await log.until(lambda log: len(log.pods) == 1)
    known = Known(
        resources=dict.fromkeys(log.state[Topic.RESOURCES], "deploy/a.yaml"),
        policies=dict.fromkeys(log.state[Topic.POLICIES], "rules/p.yaml"),
    )
    async with _following(known=known) as again:
        await again.until(lambda log: len(log.pods) == 1)
    assert again.state == log.state
    assert again.tombstones == set()


async def test_stopped_in_the_middle_nothing_is_taken_back() -> None:
    os.mkfifo("endless.yaml")
    pipe = os.open("endless.yaml", os.O_RDWR)
    known = Known(resources={"c/old": "deploy/old.yaml"}, failures={"c/deploy/old.yaml#1": "deploy/old.yaml"})
    try:
        async with _following("endless.yaml", "deploy", known=known) as log:
            for number in range(100):
                os.write(pipe, b"---\n" + yaml.safe_dump(pod(f"p{number}")).encode())
            await log.until(lambda log: bool(log.pods))
    finally:
        os.close(pipe)
    assert log.tombstones == set()
    assert log.summaries[-1].interrupted

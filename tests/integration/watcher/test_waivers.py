"""Waivers of real files on the in-process bus: after each change the log says what the disk says.

Not here: what a document may say (`tests/unit/watcher/waivers`), ConfigMaps (`tests/integration/kube`).
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pipeline.bus import Consumer
from pipeline.bus_memory import MemoryBus
from pipeline.events import Event, SourceFailed, Topic
from pipeline.settings import SourceSettings
from pipeline.waivers import WaiverApplied, waiver_key
from tests.e2e.command import write
from watcher.follow import follow
from watcher.known import Known
from watcher.summary import Tally
from watcher.waivers.files import FollowedWaivers
from watcher.waivers.once import publish_waivers

NOW = datetime(2027, 1, 1, tzinfo=UTC)
SETTINGS = SourceSettings(cluster="c", namespace="default", max_document_bytes=2**20)
PATIENCE = 20.0


def waiver(name: str, *, expires: str = "2027-03-31", **spec: Any) -> dict[str, Any]:
    match = {"namespaces": ["shop"]}
    said = {"policies": ["p"], "match": match, "owner": "team", "reason": "why", "expires": expires, **spec}
    return {
        "apiVersion": "tocsin.dev/v1alpha1",
        "kind": "Waiver",
        "metadata": {"name": name},
        "spec": {field: value for field, value in said.items() if value is not None},
    }


@dataclass
class Log:
    """What the bus said so far, folded as compacted topics are."""

    consumer: Consumer
    events: dict[tuple[Topic, str], Event] = field(default_factory=dict)
    gone: list[str] = field(default_factory=list)

    async def take(self) -> None:
        for record in (await self.consumer.receive(100)).records:
            if record.event is None:
                self.events.pop((record.topic, record.key), None)
                self.gone.append(record.key)
            else:
                self.events[record.topic, record.key] = record.event

    @property
    def waivers(self) -> dict[str, str]:
        """Name -> file."""
        data = [event.data for event in self.events.values()]
        return {each.name: each.file for each in data if isinstance(each, WaiverApplied)}

    @property
    def failures(self) -> list[str]:
        data = [event.data for event in self.events.values()]
        return sorted(each.message for each in data if isinstance(each, SourceFailed))


@asynccontextmanager
async def log() -> AsyncIterator[tuple[MemoryBus, Log]]:
    bus = MemoryBus()
    async with bus.consume("test", [Topic.POLICIES, Topic.DEADLETTERS]) as consumer:
        yield bus, Log(consumer)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, so that files are named as a user would."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


async def test_a_bad_waiver_is_one_line_with_its_place_and_the_others_count(folder: Path) -> None:
    write(folder / "w.yaml", waiver("a"), waiver("b", owner=None), waiver("a"))
    async with log() as (bus, seen):
        summary = await publish_waivers(["w.yaml"], bus, SETTINGS, lambda: NOW, asyncio.Event())
        await seen.take()
    assert seen.waivers == {"a": "w.yaml"}
    second, third = seen.failures
    assert second.startswith("w.yaml:")
    assert second.endswith("Waiver b: spec.owner: required")
    assert "Waiver a is already in w.yaml:1" in third
    assert (summary.failures, summary.unreadable) == (2, ())


async def test_a_path_that_is_not_there_is_for_the_user_to_mend_and_leaves_nothing(folder: Path) -> None:
    write(folder / "w.yaml", waiver("a"))
    async with log() as (bus, seen):
        summary = await publish_waivers(["none.yaml", "w.yaml"], bus, SETTINGS, lambda: NOW, asyncio.Event())
        await seen.take()
    assert [problem.path for problem in summary.unreadable] == ["none.yaml"]
    assert (list(seen.waivers), seen.failures) == (["a"], [])


async def test_a_waiver_that_ends_too_late_is_refused(folder: Path) -> None:
    write(folder / "w.yaml", waiver("a"), waiver("b", expires="2027-01-20"))
    settings = replace(SETTINGS, waiver_days=30)
    async with log() as (bus, seen):
        await publish_waivers(["w.yaml"], bus, settings, lambda: NOW, asyncio.Event())
        await seen.take()
    assert list(seen.waivers) == ["b"]
    assert "at most 30 days from now" in seen.failures[0]


async def test_what_a_scan_does_not_find_again_is_gone_from_its_paths_and_stays_elsewhere(
    folder: Path,
) -> None:
    write(folder / "w.yaml", waiver("a"))
    files = {"a": "w.yaml", "b": "w.yaml", "c": "other.yaml"}
    known = Known(waivers={waiver_key("c", name): file for name, file in files.items()})
    async with log() as (bus, seen):
        await publish_waivers(["w.yaml"], bus, SETTINGS, lambda: NOW, asyncio.Event(), known)
        await seen.take()
    assert list(seen.waivers) == ["a"]
    assert seen.gone == [waiver_key("c", "b")]


async def test_a_broken_file_keeps_its_last_good_waivers_until_it_is_mended(folder: Path) -> None:
    path = write(folder / "w.yaml", waiver("a"), waiver("b"))
    async with log() as (bus, seen):
        followed = FollowedWaivers(["w.yaml"], bus, SETTINGS, lambda: NOW, {})

        async def look() -> None:
            await followed.refresh(asyncio.Event(), Tally())
            await seen.take()

        await look()
        write(path, waiver("a", owner=None), waiver("b"))
        await look()
        assert sorted(seen.waivers) == ["a", "b"]
        assert len(seen.failures) == 1
        write(path, waiver("b"))
        await look()
        assert sorted(seen.waivers) == ["b"]
        assert seen.failures == []


async def test_files_are_followed_and_come_before_policies(folder: Path) -> None:
    write(folder / "w" / "one.yaml", waiver("a"))
    stop = asyncio.Event()
    async with log() as (bus, seen), asyncio.TaskGroup() as group:
        following = follow(
            (), (), bus, SETTINGS, lambda: NOW, stop, recheck=3600.0, waiver_paths=["w"], known=Known()
        )
        group.create_task(following)
        try:
            async with asyncio.timeout(PATIENCE):
                while seen.waivers != {"a": "w/one.yaml"}:
                    await seen.take()
                write(folder / "w" / "two.yaml", waiver("b"))
                while sorted(seen.waivers) != ["a", "b"]:
                    await seen.take()
                (folder / "w" / "one.yaml").unlink()
                while sorted(seen.waivers) != ["b"]:
                    await seen.take()
        finally:
            stop.set()

"""Verdicts of policies that ask for image configs: an evaluator, its engines and a real registry.

Not covered here: what registries do wrong (`test_misbehaving_registry`).
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from evaluator.app import GROUP, TOPICS, Evaluator
from evaluator.images.on_demand import ImagesOnDemand
from evaluator.rego.pool import WorkerPool
from evaluator.state import State
from pipeline.bus import Consumer, Record
from pipeline.bus_memory import MemoryBus
from pipeline.events import (
    Change,
    Event,
    EventType,
    Outcome,
    PolicyApplied,
    ResourceApplied,
    ResourceRef,
    Topic,
    Verdict,
    Withdrawal,
    policy_key,
    resource_key,
    source_of,
)
from pipeline.settings import load_settings
from tests.images import config, image, index, push
from tests.integration.images.conftest import image_settings
from tests.registry import RunningRegistry, running_registry
from tests.unit.evaluator.policy_objects import policy_object

NOW = datetime(2026, 11, 24, tzinfo=UTC)
CLUSTER = "test"
PATIENCE = 60.0
NOT_ROOT = """package sigstore
isCompliant[{"result": true}] { count(root) == 0 }
isCompliant[{"result": false, "error": sprintf("%s runs as root", [p])}] { root[p] }
root[p] { input.config[p].config.User == "0" }
"""
SPEC_ONLY = (
    "package sigstore\nisCompliant { input.spec.containers[_].image == input.spec.containers[0].image }"
)


@dataclass
class Cluster:
    """A continuous evaluator, and what it told so far."""

    bus: MemoryBus
    consumer: Consumer
    images: ImagesOnDemand
    verdicts: dict[str, Verdict]

    async def policy(self, name: str, text: str = NOT_ROOT, *, fetch: bool = True) -> None:
        rego = {"type": "rego", "data": text, "includeSpec": True, "fetchConfigFile": fetch}
        body = policy_object(mode="warn", policy=rego)
        body["metadata"]["name"] = name
        data = PolicyApplied(cluster=CLUSTER, name=name, digest=text, object=body)
        await self._publish(Topic.POLICIES, EventType.POLICY_APPLIED, policy_key(CLUSTER, name), data)

    async def pod(self, name: str, *images: str, running: str = "") -> None:
        containers = [{"name": f"c{number}", "image": each} for number, each in enumerate(images)]
        statuses = [{"name": each["name"], "imageID": running} for each in containers] if running else []
        body = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": "shop"},
            "spec": {"containers": containers},
            "status": {"containerStatuses": statuses},
        }
        ref = ResourceRef(api_version="v1", kind="Pod", namespace="shop", name=name, uid=name)
        data = ResourceApplied(cluster=CLUSTER, resource=ref, digest=f"{images} {running}", object=body)
        await self._publish(Topic.RESOURCES, EventType.RESOURCE_APPLIED, resource_key(CLUSTER, name), data)

    async def until(self, told: Callable[[dict[str, Verdict]], bool]) -> None:
        """Read verdicts until they are so."""
        async with asyncio.timeout(PATIENCE):
            while not told(self.verdicts):
                for record in (await self.consumer.receive(100)).records:
                    if record.event and isinstance(record.event.data, Verdict):
                        self.verdicts[record.key] = record.event.data

    async def settled(self, *keys: str) -> list[Verdict]:
        """The verdicts of these keys, once all are there."""
        wanted = [f"{CLUSTER}/{key}" for key in keys]
        await self.until(lambda verdicts: set(wanted) <= verdicts.keys())
        return [self.verdicts[key] for key in wanted]

    async def _publish(
        self, topic: Topic, kind: EventType, key: str, data: PolicyApplied | ResourceApplied
    ) -> None:
        event = Event(
            type=kind, source=source_of(CLUSTER), id=data.digest, time=NOW, subject="s", key=key, data=data
        )
        await self.bus.publish([Record(topic, key, event)])


@asynccontextmanager
async def running(folder: Path, registry: RunningRegistry, **changes: Any) -> AsyncIterator[Cluster]:
    """An evaluator that judges again at once what is due, for as long as the block runs."""
    settings = replace(
        load_settings().evaluator, workers=1, recheck=changes.pop("recheck", 3600.0), retry_first=0.1
    )
    images = image_settings(folder, registry.host, failure_ttl=0.05, **changes)
    async with AsyncExitStack() as stack:
        bus = MemoryBus(capacity=10_000)
        pool = await stack.enter_async_context(WorkerPool(settings))
        finder = await stack.enter_async_context(ImagesOnDemand(images))
        consumer = await stack.enter_async_context(bus.consume(GROUP, TOPICS))
        reader = await stack.enter_async_context(bus.consume("test", [Topic.VERDICTS]))
        evaluator = Evaluator(settings, pool, State(remember=True), lambda: NOW, finder)
        task = asyncio.create_task(evaluator.run(consumer, bus), name="evaluator")
        try:
            yield Cluster(bus, reader, finder, {})
        finally:
            await bus.seal(Topic.POLICIES)
            await bus.seal(Topic.RESOURCES)
            await task


def asked(registry: RunningRegistry, repository: str) -> list[tuple[str, str]]:
    return [each for each in registry.asked() if f"/{repository}/" in each[1]]


async def test_each_image_gets_a_verdict_of_its_own(registry: RunningRegistry, tmp_path: Path) -> None:
    web, job = f"{registry.host}/verdict/web:1", f"{registry.host}/verdict/job:1"
    push(registry.host, "verdict/web", "1", index(image(), image(config(architecture="arm64", user="0"))))
    digest = push(registry.host, "verdict/job", "1", image())
    async with running(tmp_path, registry) as cluster:
        await cluster.policy("no-root")
        await cluster.pod("a", web, job, job)
        of_web, of_job = await cluster.settled(f"a/no-root/{web}", f"a/no-root/{job}")
    assert (of_web.outcome, of_web.message) == (Outcome.FAIL, "linux/arm64 runs as root")
    assert of_web.image is not None
    assert of_web.image.name == web
    assert of_web.images == ()
    assert of_job.outcome is Outcome.PASS
    assert of_job.image is not None
    assert (of_job.image.container, of_job.image.tag_digest) == ("", digest)
    assert len(cluster.verdicts) == 2


async def test_the_verdict_of_an_image_that_was_replaced_says_that_the_image_is_gone(
    registry: RunningRegistry, tmp_path: Path
) -> None:
    bad, good = f"{registry.host}/verdict/replaced:1", f"{registry.host}/verdict/replaced:2"
    push(registry.host, "verdict/replaced", "1", image(config(user="0")))
    push(registry.host, "verdict/replaced", "2", image())
    async with running(tmp_path, registry) as cluster:
        await cluster.policy("no-root")
        await cluster.pod("a", bad)
        (before,) = await cluster.settled(f"a/no-root/{bad}")
        await cluster.pod("a", good)
        (after,) = await cluster.settled(f"a/no-root/{good}")
        await cluster.until(lambda told: any(each.image_removed for each in told.values()))
    over = cluster.verdicts[f"{CLUSTER}/a/no-root/{bad}"]
    assert (before.outcome, after.outcome) == (Outcome.FAIL, Outcome.PASS)
    assert (over.outcome, over.reason) == (Outcome.WITHDRAWN, Withdrawal.OUT_OF_SCOPE)
    assert not after.image_removed


async def test_a_policy_that_does_not_compile_ends_no_verdict_of_an_image(
    registry: RunningRegistry, tmp_path: Path
) -> None:
    name = f"{registry.host}/verdict/broken:1"
    push(registry.host, "verdict/broken", "1", image(config(user="0")))
    async with running(tmp_path, registry) as cluster:
        await cluster.policy("no-root")
        await cluster.pod("a", name)
        (before,) = await cluster.settled(f"a/no-root/{name}")
        await cluster.policy("no-root", "package sigstore\nisCompliant {")
        await cluster.until(lambda told: {each.outcome for each in told.values()} == {Outcome.ERROR})
        await cluster.policy("no-root")
        await cluster.until(lambda told: {each.outcome for each in told.values()} == {Outcome.FAIL})
    assert list(cluster.verdicts) == [f"{CLUSTER}/a/no-root/{name}"]
    assert before.outcome is Outcome.FAIL


async def test_many_pods_and_policies_make_one_chain_of_requests(
    registry: RunningRegistry, tmp_path: Path
) -> None:
    name = f"{registry.host}/verdict/many:1"
    push(registry.host, "verdict/many", "1", image())
    async with running(tmp_path, registry) as cluster:
        for policy in ("one", "two", "three"):
            await cluster.policy(policy)
        for number in range(200):
            await cluster.pod(f"p{number}", name)
        await cluster.until(lambda verdicts: len(verdicts) == 600)
    assert {verdict.outcome for verdict in cluster.verdicts.values()} == {Outcome.PASS}
    assert [method for method, _ in asked(registry, "verdict/many")] == ["GET", "GET"]


async def test_nothing_is_asked_unless_a_matching_policy_wants_it(
    registry: RunningRegistry, tmp_path: Path
) -> None:
    name = f"{registry.host}/verdict/quiet:1"
    push(registry.host, "verdict/quiet", "1", image())
    async with running(tmp_path, registry) as cluster:
        await cluster.policy("of-the-spec", SPEC_ONLY, fetch=False)
        await cluster.pod("a", name)
        await cluster.settled("a/of-the-spec")
    assert asked(registry, "verdict/quiet") == []


async def test_a_registry_that_comes_back_turns_errors_into_verdicts(tmp_path: Path) -> None:
    with running_registry(tmp_path / "registry") as registry:
        push(registry.host, "shop/web", "1", image())
        name = f"{registry.host}/shop/web:1"
        registry.stop()
        async with running(tmp_path, registry) as cluster:
            await cluster.policy("no-root")
            await cluster.pod("a", name)
            (down,) = await cluster.settled(f"a/no-root/{name}")
            assert down.outcome is Outcome.ERROR
            assert "no image config: 127.0.0.1: no connection: Connection refused" in down.message
            registry.start()
            await cluster.until(lambda told: {each.outcome for each in told.values()} == {Outcome.PASS})
    (up,) = cluster.verdicts.values()
    assert up.change is Change.IMPROVED


async def test_a_tag_that_moves_changes_the_verdict_with_no_event(
    registry: RunningRegistry, tmp_path: Path
) -> None:
    name = f"{registry.host}/verdict/moves:1"
    push(registry.host, "verdict/moves", "1", image())
    async with running(tmp_path, registry, recheck=0.1, tag_ttl=0.0) as cluster:
        await cluster.policy("no-root")
        await cluster.pod("a", name)
        (before,) = await cluster.settled(f"a/no-root/{name}")
        moved = push(registry.host, "verdict/moves", "1", image(config(user="0")))
        await cluster.until(lambda told: {each.outcome for each in told.values()} == {Outcome.FAIL})
    (after,) = cluster.verdicts.values()
    assert before.outcome is Outcome.PASS
    assert after.image is not None
    assert (after.change, after.image.tag_digest) == (Change.DEGRADED, moved)


async def test_a_policy_that_reads_the_clock_is_judged_again_with_no_event(
    registry: RunningRegistry, tmp_path: Path
) -> None:
    pytest.importorskip("regorus", reason="only regorus is trusted with time")
    outcomes: set[Outcome] = set()

    def both(told: dict[str, Verdict]) -> bool:
        outcomes.update(verdict.outcome for verdict in told.values())
        return len(outcomes) > 1

    async with running(tmp_path, registry, recheck=0.05) as cluster:
        await cluster.policy("clock", "package sigstore\nisCompliant { time.now_ns() % 7 < 3 }", fetch=False)
        await cluster.pod("a", "nginx")
        await cluster.until(both)
    assert outcomes == {Outcome.PASS, Outcome.FAIL}


async def test_of_a_running_pod_the_bytes_that_run_are_judged(
    registry: RunningRegistry, tmp_path: Path
) -> None:
    name = f"{registry.host}/verdict/runs:1"
    runs = push(registry.host, "verdict/runs", "1", image(config(user="0")))
    moved = push(registry.host, "verdict/runs", "1", image())
    async with running(tmp_path, registry) as cluster:
        await cluster.policy("no-root")
        await cluster.pod("a", name, running=f"{registry.host}/verdict/runs@{runs}")
        (verdict,) = await cluster.settled(f"a/no-root/{name}")
    assert verdict.outcome is Outcome.FAIL
    assert verdict.image is not None
    assert (verdict.image.digest, verdict.image.tag_digest) == (runs, moved)


async def test_an_image_that_is_no_longer_there_takes_its_verdict_with_it(
    registry: RunningRegistry, tmp_path: Path
) -> None:
    old, new = f"{registry.host}/verdict/swap:1", f"{registry.host}/verdict/swap:2"
    for tag in ("1", "2"):
        push(registry.host, "verdict/swap", tag, image())
    async with running(tmp_path, registry) as cluster:
        await cluster.policy("no-root")
        await cluster.pod("a", old)
        await cluster.settled(f"a/no-root/{old}")
        await cluster.pod("a", new)
        await cluster.until(lambda told: told[f"{CLUSTER}/a/no-root/{old}"].outcome is Outcome.WITHDRAWN)
        (verdict,) = await cluster.settled(f"a/no-root/{new}")
    assert verdict.outcome is Outcome.PASS


@pytest.mark.parametrize("name", ["169.254.169.254/latest/meta-data", "localhost:22/x", "10.0.0.1/x:1"])
async def test_an_image_name_cannot_make_the_evaluator_ask_its_neighbours(
    registry: RunningRegistry, tmp_path: Path, name: str
) -> None:
    async with running(tmp_path, registry) as cluster:
        await cluster.policy("no-root")
        await cluster.pod("a", name)
        (verdict,) = await cluster.settled(f"a/no-root/{name}")
        assert (await cluster.images.opened()).transport.requests == 0
    assert verdict.outcome is Outcome.ERROR
    assert "no public address" in verdict.message

"""Policies that change while events come: each resource's verdicts keep their order, and end as they should.

A sweep of what is remembered and the events between its slices are answered in any order here:
answers wait for a random number of turns. On Kafka: tests/integration/kafka.
"""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime
from random import Random

import pytest

from evaluator.app import GROUP, TOPICS, Evaluator
from evaluator.rego.pool import WorkerPool
from evaluator.rego.questions import Answer, Question
from evaluator.state import State
from evaluator.sweeps import Turns
from pipeline.bus import Record
from pipeline.bus_memory import MemoryBus
from pipeline.events import (
    Event,
    EventType,
    Outcome,
    Payload,
    PolicyApplied,
    ResourceApplied,
    ResourceRef,
    Topic,
    Verdict,
    policy_key,
    resource_key,
    source_of,
)
from pipeline.settings import load_settings
from tests.unit.evaluator.policy_objects import policy_object

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PODS, POLICIES, STEPS = 150, 2, 60
TEXT = "package sigstore\nisCompliant {{ input.spec.hostNetwork == {} }}"


class Late(WorkerPool):
    """Answers come in another order than the questions."""

    random = Random()  # noqa: S311 - what it chooses is no secret

    async def evaluate(self, questions: Sequence[Question]) -> list[list[Answer]]:
        answers = await super().evaluate(questions)
        for _ in range(self.random.randrange(40)):
            await asyncio.sleep(0)
        return answers


def a_record(topic: Topic, type_: EventType, key: str, data: Payload) -> Record:
    event = Event(type=type_, source=source_of("c"), id=key, time=NOW, subject="s", key=key, data=data)
    return Record(topic, key, event)


def a_policy(number: int, version: int) -> Record:
    """Odd versions pass Pods on the host's network, even ones the others."""
    rego = {"type": "rego", "includeSpec": True, "data": TEXT.format("true" if version % 2 else "false")}
    body = policy_object(mode="warn", policy=rego)
    body["metadata"]["name"] = name = f"p{number}"
    data = PolicyApplied(cluster="c", name=name, digest=f"{version:06}", object=body)
    return a_record(Topic.POLICIES, EventType.POLICY_APPLIED, policy_key("c", name), data)


def a_pod(number: int, version: int) -> Record:
    """Odd versions are on the host's network."""
    uid = f"u{number}"
    ref = ResourceRef(
        api_version="v1", kind="Pod", namespace="d", name=uid, uid=uid, resource_version=f"{version:06}"
    )
    containers = [{"name": "web", "image": "nginx"}]
    body = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": uid, "namespace": "d"},
        "spec": {"hostNetwork": bool(version % 2), "containers": containers},
    }
    data = ResourceApplied(cluster="c", resource=ref, digest=f"{uid}-{version}", object=body)
    return a_record(Topic.RESOURCES, EventType.RESOURCE_APPLIED, resource_key("c", uid), data)


@pytest.mark.parametrize("seed", range(4))
async def test_sweeps_and_events_keep_the_order_of_each_resource(seed: int) -> None:
    random = Late.random = Random(seed)  # noqa: S311
    pods, policies = dict.fromkeys(range(PODS), 0), dict.fromkeys(range(POLICIES), 0)
    bus = MemoryBus(capacity=100_000)
    settings = replace(load_settings().evaluator, workers=1)

    async def happens() -> None:
        await bus.publish([a_policy(number, 0) for number in policies])
        await bus.publish([a_pod(number, 0) for number in pods])
        for _ in range(STEPS):
            if random.random() < 0.2:
                number = random.randrange(POLICIES)
                policies[number] += 1
                await bus.publish([a_policy(number, policies[number])])
            changed = random.sample(range(PODS), random.randrange(12))
            for number in changed:
                pods[number] += 1
            await bus.publish([a_pod(number, pods[number]) for number in changed])
            for _ in range(random.randrange(60)):
                await asyncio.sleep(0)
        for topic in TOPICS:
            await bus.seal(topic)

    async with (
        Late(settings) as pool,
        bus.consume(GROUP, TOPICS) as consumer,
        bus.consume("test", [Topic.VERDICTS]) as reader,
        asyncio.TaskGroup() as group,
    ):
        evaluator = Evaluator(settings, pool, State(remember=True), lambda: NOW)
        group.create_task(evaluator.run(consumer, bus))
        group.create_task(happens())
        told: list[Verdict] = []
        while (delivery := await reader.receive(1000)).records:
            told += [
                record.event.data
                for record in delivery.records
                if record.event and isinstance(record.event.data, Verdict)
            ]
            await reader.acknowledge(delivery)
    last: dict[tuple[str, str], Verdict] = {}
    for verdict in told:
        key = verdict.resource.uid, verdict.policy.name
        if before := last.get(key):
            assert before.resource.resource_version <= verdict.resource.resource_version
            assert before.policy.digest <= verdict.policy.digest
        last[key] = verdict
    expected = {
        (f"u{pod}", f"p{policy}"): Outcome.PASS if version % 2 == made % 2 else Outcome.FAIL
        for pod, version in pods.items()
        for policy, made in policies.items()
    }
    assert {key: verdict.outcome for key, verdict in last.items()} == expected
    assert {verdict.policy.digest for verdict in last.values()} == {
        f"{made:06}" for made in policies.values()
    }
    assert sum(policies.values()) > 5


async def test_evaluators_of_one_process_take_turns_in_their_sweeps() -> None:
    """However many partitions are here: an event waits for the slices under way, and those are few."""
    settings = replace(load_settings().evaluator, workers=1)
    waiting: list[int] = []

    class Counted(WorkerPool):
        async def evaluate(self, questions: Sequence[Question]) -> list[list[Answer]]:
            waiting.append(sum(1 for task in asyncio.all_tasks() if task.get_name() == "evaluator-ask"))
            return await super().evaluate(questions)

    turns, told = Turns(1), 0
    async with Counted(settings) as pool, AsyncExitStack() as stack, asyncio.TaskGroup() as group:
        buses = [MemoryBus(capacity=100_000) for _ in range(4)]
        readers = []
        for bus in buses:
            consumer = await stack.enter_async_context(bus.consume(GROUP, TOPICS))
            readers.append(await stack.enter_async_context(bus.consume("test", [Topic.VERDICTS])))
            state = State(remember=True)
            for record in (a_pod(number, 0) for number in range(PODS)):
                if record.event and isinstance(record.event.data, ResourceApplied):
                    state.put_resource(record.key, record.event.data)
            await bus.publish([a_policy(0, 0)])
            for topic in TOPICS:
                await bus.seal(topic)
            evaluator = Evaluator(settings, pool, state, lambda: NOW, turns=turns)
            group.create_task(evaluator.run(consumer, bus))
        for reader in readers:
            while (delivery := await reader.receive(1000)).records:
                told += sum(
                    1
                    for record in delivery.records
                    if record.event and isinstance(record.event.data, Verdict)
                )
    assert told == PODS * len(buses)
    assert max(waiting) == 1

"""The evaluator on the in-process bus with real engines: what goes in, and which verdicts come out.

Not covered: the meaning of a policy (`tests/unit/evaluator`), hostile ones (`tests/faults`).
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from evaluator.app import GROUP, TOPICS, Evaluator
from evaluator.rego.engine import EngineName
from evaluator.rego.memo import DIFFERS
from evaluator.rego.pool import WorkerPool
from evaluator.rego.questions import Module
from evaluator.rego.reads.paths import Mode
from evaluator.state import State
from pipeline.bus import Record
from pipeline.bus_memory import MemoryBus
from pipeline.events import (
    Change,
    Event,
    EventType,
    Outcome,
    PolicyApplied,
    PolicyChecked,
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
from pipeline.settings_types import UnmatchedImages
from tests.unit.evaluator.policy_objects import policy_object

NOW = datetime(2026, 11, 24, tzinfo=UTC)
CLUSTER = "test"
PRIVILEGED = """package sigstore
isCompliant[{"result": true}] { count(bad) == 0 }
isCompliant[{"result": false, "error": "privileged"}] { count(bad) > 0 }
bad[c.name] { c := input.spec.containers[_]; c.securityContext.privileged }
"""


@dataclass
class Story:
    """What happens to a cluster, and what was told of it."""

    records: list[Record] = field(default_factory=list)
    unmatched: UnmatchedImages = UnmatchedImages.IGNORE
    pool: type[WorkerPool] = WorkerPool
    versions: int = 0

    def policy(self, name: str, text: str | None = PRIVILEGED, **spec: Any) -> None:
        rego = {"type": "rego", "includeSpec": True, "data": text}
        body = policy_object(**{"mode": "warn", "policy": rego if text else None, **spec})
        body["metadata"]["name"] = name
        self.versions += 1
        data = PolicyApplied(cluster=CLUSTER, name=name, digest=f"p{self.versions}", object=body)
        self._add(Topic.POLICIES, EventType.POLICY_APPLIED, policy_key(CLUSTER, name), data)

    def resource(self, name: str, *, privileged: bool = False, image: str = "nginx") -> None:
        container = {"name": "web", "image": image, "securityContext": {"privileged": privileged}}
        body = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": "shop"},
            "spec": {"containers": [container]},
        }
        ref = ResourceRef(api_version="v1", kind="Pod", namespace="shop", name=name, uid=name)
        digest = f"{name}-{privileged}-{image}"
        data = ResourceApplied(cluster=CLUSTER, resource=ref, digest=digest, object=body)
        self._add(Topic.RESOURCES, EventType.RESOURCE_APPLIED, resource_key(CLUSTER, name), data)

    def no_policy(self, name: str) -> None:
        self.records.append(Record(Topic.POLICIES, policy_key(CLUSTER, name), None))

    def no_resource(self, name: str) -> None:
        self.records.append(Record(Topic.RESOURCES, resource_key(CLUSTER, name), None))

    def _add(self, topic: Topic, type_: EventType, key: str, data: PolicyApplied | ResourceApplied) -> None:
        event = Event(
            type=type_, source=source_of(CLUSTER), id=data.digest, time=NOW, subject="s", key=key, data=data
        )
        self.records.append(Record(topic, key, event))

    async def told(self) -> list[Event]:
        async with (
            _evaluator(self.unmatched, self.pool) as (bus, evaluator),
            bus.consume(GROUP, TOPICS) as consumer,
            bus.consume("test", [Topic.VERDICTS]) as reader,
        ):
            await bus.publish(self.records)
            await bus.seal(Topic.POLICIES)
            await bus.seal(Topic.RESOURCES)
            await evaluator.run(consumer, bus)
            delivery = await reader.receive(10_000)
        return [record.event for record in delivery.records if record.event]

    async def checks(self) -> list[PolicyChecked]:
        return [event.data for event in await self.told() if isinstance(event.data, PolicyChecked)]

    async def verdicts(self) -> list[Verdict]:
        return [event.data for event in await self.told() if isinstance(event.data, Verdict)]


@asynccontextmanager
async def _evaluator(
    unmatched: UnmatchedImages, pool_type: type[WorkerPool]
) -> AsyncIterator[tuple[MemoryBus, Evaluator]]:
    settings = replace(load_settings().evaluator, workers=1, unmatched_images=unmatched)
    async with pool_type(settings) as pool:
        state = State(remember=True)
        yield MemoryBus(capacity=10_000), Evaluator(settings, pool, state, lambda: NOW)


def _said(verdicts: Sequence[Verdict]) -> list[tuple[str, str, Outcome, Change]]:
    return [(item.resource.name, item.policy.name, item.outcome, item.change) for item in verdicts]


@pytest.fixture
def story() -> Story:
    return Story()


async def test_each_resource_gets_a_verdict_of_each_policy(story: Story) -> None:
    story.policy("privileged")
    story.policy("everything", text=None)
    story.resource("good")
    story.resource("bad", privileged=True)
    assert _said(await story.verdicts()) == [
        ("good", "everything", Outcome.PASS, Change.NEW),
        ("good", "privileged", Outcome.PASS, Change.NEW),
        ("bad", "everything", Outcome.PASS, Change.NEW),
        ("bad", "privileged", Outcome.FAIL, Change.NEW),
    ]


async def test_a_verdict_that_did_not_change_is_not_told_again(story: Story) -> None:
    story.policy("privileged")
    story.resource("bad", privileged=True)
    story.resource("bad", privileged=True)
    assert len(await story.verdicts()) == 1


async def test_fail_pass_and_fail_again_have_three_ids(story: Story) -> None:
    story.policy("privileged")
    for privileged in (True, False, True):
        story.resource("web", privileged=privileged)
    events = [event for event in await story.told() if isinstance(event.data, Verdict)]
    changes = [event.data.change for event in events if isinstance(event.data, Verdict)]
    assert changes == [Change.NEW, Change.IMPROVED, Change.DEGRADED]
    assert len({event.id for event in events}) == 3


async def test_the_same_story_told_twice_has_the_same_ids(story: Story) -> None:
    story.policy("privileged")
    story.resource("bad", privileged=True)
    story.no_resource("bad")
    assert [event.id for event in await story.told()] == [event.id for event in await story.told()]


async def test_a_changed_policy_is_evaluated_on_every_resource(story: Story) -> None:
    story.policy("privileged", text="package sigstore\nisCompliant { true }")
    story.resource("bad", privileged=True)
    story.policy("privileged")
    assert _said(await story.verdicts()) == [
        ("bad", "privileged", Outcome.PASS, Change.NEW),
        ("bad", "privileged", Outcome.FAIL, Change.DEGRADED),
    ]


async def test_what_a_changed_policy_no_longer_matches_is_withdrawn(story: Story) -> None:
    story.policy("privileged")
    story.resource("bad", privileged=True)
    story.policy("privileged", images=[{"glob": "ghcr.io/**"}])
    verdict = (await story.verdicts())[-1]
    assert (verdict.outcome, verdict.reason) == (Outcome.WITHDRAWN, Withdrawal.POLICY_CHANGED)


async def test_verdicts_of_a_deleted_policy_are_withdrawn(story: Story) -> None:
    story.policy("privileged")
    story.resource("bad", privileged=True)
    story.no_policy("privileged")
    verdict = (await story.verdicts())[-1]
    assert (verdict.outcome, verdict.reason) == (Outcome.WITHDRAWN, Withdrawal.POLICY_DELETED)


async def test_verdicts_of_a_deleted_resource_are_withdrawn(story: Story) -> None:
    story.policy("privileged")
    story.resource("bad", privileged=True)
    story.no_resource("bad")
    verdict = (await story.verdicts())[-1]
    assert (verdict.outcome, verdict.reason) == (Outcome.WITHDRAWN, Withdrawal.RESOURCE_DELETED)


async def test_a_resource_that_left_a_policys_scope_is_withdrawn(story: Story) -> None:
    story.policy("privileged", images=[{"glob": "nginx"}])
    story.resource("web", privileged=True)
    story.resource("web", privileged=True, image="ghcr.io/shop/web")
    verdict = (await story.verdicts())[-1]
    assert (verdict.outcome, verdict.reason) == (Outcome.WITHDRAWN, Withdrawal.OUT_OF_SCOPE)


async def test_a_policy_that_is_not_valid_says_so_and_stops_nobody(story: Story) -> None:
    story.policy("privileged")
    story.policy("broken", mode="loud")
    story.resource("bad", privileged=True)
    events = await story.told()
    checked = {
        event.data.policy.name: event.data for event in events if isinstance(event.data, PolicyChecked)
    }
    assert "spec.mode" in checked["broken"].error
    assert not checked["privileged"].error
    assert [event.data.outcome for event in events if isinstance(event.data, Verdict)] == [Outcome.FAIL]


async def test_a_policy_that_does_not_compile_is_an_error_verdict_with_its_place(story: Story) -> None:
    story.policy("broken", text="package sigstore\nisCompliant { }")
    story.resource("web")
    (verdict,) = await story.verdicts()
    assert verdict.outcome is Outcome.ERROR
    assert verdict.message.startswith("spec.policy.data:2:")


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"policy": {"type": "cue", "data": "x: 1"}}, "CUE"),
        ({"policy": {"type": "rego", "configMapRef": {"name": "a", "key": "b"}}}, "configMapRef"),
        ({"authorities": [{"key": {"kms": "gcpkms://a"}}]}, "kms"),
    ],
)
async def test_what_is_not_evaluated_yet_is_an_error_that_names_the_field(
    story: Story, spec: dict[str, Any], field: str
) -> None:
    story.policy("later", text=None, **spec)
    story.resource("web")
    (verdict,) = await story.verdicts()
    assert verdict.outcome is Outcome.ERROR
    assert field in verdict.message


async def test_a_static_fail_names_its_message(story: Story) -> None:
    story.policy("never", text=None, authorities=[{"static": {"action": "fail", "message": "no"}}])
    story.resource("web")
    (verdict,) = await story.verdicts()
    assert (verdict.outcome, verdict.message) == (Outcome.FAIL, "disallowed by static policy: no")


async def test_an_image_that_no_policy_matches_is_warned_of_when_asked(story: Story) -> None:
    story.unmatched = UnmatchedImages.WARN
    story.policy("ours", images=[{"glob": "ghcr.io/**"}])
    story.resource("web")
    (verdict,) = await story.verdicts()
    assert (verdict.policy.name, verdict.outcome) == ("no-matching-policy", Outcome.WARN)
    assert "nginx" in verdict.warning


async def test_many_resources_are_told_in_the_order_they_came(story: Story) -> None:
    story.policy("privileged")
    names = [f"web-{number}" for number in range(500)]
    for name in names:
        story.resource(name)
    assert [verdict.resource.name for verdict in await story.verdicts()] == names


async def test_attributes_carry_what_filters_need(story: Story) -> None:
    story.policy("privileged")
    story.resource("bad", privileged=True)
    event = (await story.told())[-1]
    assert event.subject == "shop/Pod/bad"
    assert event.key == "test/bad/privileged"
    assert event.extensions == {
        "cluster": "test",
        "namespace": "shop",
        "kind": "Pod",
        "policy": "privileged",
        "mode": "warn",
        "change": "new",
        "observedtime": "2026-11-24T00:00:00+00:00",
    }


async def test_what_a_policy_reads_is_told_with_it(story: Story) -> None:
    story.policy("privileged")
    (checked,) = await story.checks()
    assert checked.reads == (
        "input.spec.containers[_].name (all of it)",
        "input.spec.containers[_].securityContext.privileged",
    )
    assert not checked.memo


async def test_a_policy_that_reads_the_clock_says_why_its_verdicts_are_not_remembered(story: Story) -> None:
    story.policy("clock", text="package sigstore\nisCompliant { time.now_ns() > 0 }")
    (checked,) = await story.checks()
    assert "clock" in checked.memo


class ForgetfulPool(WorkerPool):
    """Finds a read set that is too small."""

    async def compile(self, engine: EngineName, text: str) -> Module:
        module = await super().compile(engine, text)
        return replace(module, reads=((("spec", "nodeName"), Mode.SHAPE),))


async def test_a_read_set_that_is_too_small_is_found_out_and_said_and_costs_no_verdict(story: Story) -> None:
    story.pool = ForgetfulPool
    story.policy("privileged")
    for number in range(100):
        story.resource(f"web-{number}", privileged=number % 2 == 1)
    events = await story.told()
    outcomes = {
        event.data.resource.name: event.data.outcome for event in events if isinstance(event.data, Verdict)
    }
    checks = [event.data for event in events if isinstance(event.data, PolicyChecked)]
    assert [checked.memo for checked in checks] == ["", DIFFERS]
    assert outcomes == {
        f"web-{number}": Outcome.FAIL if number % 2 else Outcome.PASS for number in range(100)
    }

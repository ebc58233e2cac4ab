"""Waivers as they come, end and go while resources stay: what is told of the violations they cover.

The clock is the test's; nothing sleeps. Not here: which waiver covers what (unit tests), rows (the sink's).
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from evaluator.app import GROUP, TOPICS, Evaluator
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
    source_of,
)
from pipeline.settings import load_settings
from pipeline.waivers import WaiverApplied, WaiverMatch, waiver_key
from tests.unit.evaluator.policy_objects import pod, policy_object

NOW = datetime(2026, 11, 24, tzinfo=UTC)
_PATIENCE = 30.0


def _event(
    topic: Topic, type_: EventType, key: str, data: PolicyApplied | ResourceApplied | WaiverApplied
) -> Record:
    event = Event(
        type=type_, source=source_of("c"), id=data.digest, time=NOW, subject="s", key=key, data=data
    )
    return Record(topic, key, event)


def _policy(digest: str = "p1", *, broken: bool = False) -> Record:
    """It fails everything, or does not compile."""
    says = {"policy": {"type": "rego", "data": "package sigstore\nisCompliant {"}} if broken else {}
    action = "pass" if broken else "fail"
    body = policy_object(mode="enforce", authorities=[{"static": {"action": action}}], **says)
    body["metadata"]["name"] = "p"
    data = PolicyApplied(cluster="c", name="p", digest=digest, object=body)
    return _event(Topic.POLICIES, EventType.POLICY_APPLIED, "c/p", data)


def _resource(namespace: str = "shop", digest: str = "r1") -> Record:
    ref = ResourceRef(
        api_version="v1", kind="Pod", namespace=namespace, name="cart", uid=namespace, resource_version=digest
    )
    data = ResourceApplied(cluster="c", resource=ref, digest=digest, object=pod("nginx"), file="a.yaml")
    return _event(Topic.RESOURCES, EventType.RESOURCE_APPLIED, f"c/{namespace}", data)


def _waiver(name: str = "w", *, days: int = 1, namespace: str = "shop") -> Record:
    waiver = WaiverApplied(
        cluster="c",
        name=name,
        digest=f"{name}{days}{namespace}",
        policies=("p",),
        match=WaiverMatch(namespaces=(namespace,)),
        owner="team",
        reason="why",
        expires=NOW + timedelta(days=days),
    )
    return _event(Topic.POLICIES, EventType.WAIVER_APPLIED, waiver_key("c", name), waiver)


def _gone(name: str = "w") -> Record:
    return Record(Topic.POLICIES, waiver_key("c", name), None)


@dataclass
class _Run:
    """An evaluator at work, and a clock."""

    bus: MemoryBus
    verdicts: Consumer
    now: datetime = NOW
    told: list[Event] = field(default_factory=list)

    async def after(self, *records: Record, expect: int) -> list[tuple[str, Outcome, Change, str]]:
        """Publish, wait for so many verdicts; namespace, outcome, change and waiver of each."""
        await self.bus.publish(records)
        found: list[Verdict] = []
        async with asyncio.timeout(_PATIENCE):
            while len(found) < expect:
                delivery = await self.verdicts.receive(100)
                for record in delivery.records:
                    if record.event and isinstance(record.event.data, Verdict):
                        self.told.append(record.event)
                        found.append(record.event.data)
                await self.verdicts.acknowledge(delivery)
        return sorted(
            (each.resource.namespace, each.outcome, each.change, each.waiver.name if each.waiver else "")
            for each in found
        )

    def held(self) -> list[str]:
        """Of each verdict so far, what covers the violation before it."""
        verdicts = [event.data for event in self.told if isinstance(event.data, Verdict)]
        return [each.waived_before.name if each.waived_before else "" for each in verdicts]


@asynccontextmanager
async def _running(state: State | None = None, now: datetime = NOW) -> AsyncIterator[_Run]:
    settings = replace(load_settings().evaluator, workers=1)
    bus = MemoryBus()
    async with (
        WorkerPool(settings) as pool,
        bus.consume(GROUP, TOPICS) as consumer,
        bus.consume("test", [Topic.VERDICTS]) as reader,
        asyncio.TaskGroup() as group,
    ):
        run = _Run(bus, reader, now)
        evaluator = Evaluator(settings, pool, state or State(remember=True), lambda: run.now)
        group.create_task(evaluator.run(consumer, bus))
        yield run
        await bus.seal(Topic.POLICIES)
        await bus.seal(Topic.RESOURCES)


SHOP, OPS = ("shop", Outcome.FAIL), ("ops", Outcome.FAIL)


async def test_a_violation_is_waived_and_returns_when_the_waiver_expires_and_stays_a_failure() -> None:
    async with _running() as run:
        first = await run.after(_policy(), _resource(), _resource("ops"), expect=2)
        assert first == [(*OPS, Change.NEW, ""), (*SHOP, Change.NEW, "")]
        assert await run.after(_waiver(), expect=1) == [(*SHOP, Change.WAIVED, "w")]
        run.now = NOW + timedelta(days=1)
        assert await run.after(expect=1) == [(*SHOP, Change.RETURNED, "")]
        assert len({event.id for event in run.told}) == len(run.told)
        assert {event.type for event in run.told} == {EventType.VERDICT_FAILED}
        assert [event.extensions.get("waiver") for event in run.told] == [None, None, "w", None]


async def test_it_returns_when_the_waiver_is_taken_back_or_selects_something_else() -> None:
    async with _running() as run:
        await run.after(_policy(), _resource(), _resource("ops"), expect=2)
        await run.after(_waiver(), expect=1)
        moved = await run.after(_waiver(namespace="ops"), expect=2)
        assert moved == [(*OPS, Change.WAIVED, "w"), (*SHOP, Change.RETURNED, "")]
        assert await run.after(_gone(), expect=1) == [(*OPS, Change.RETURNED, "")]


async def test_a_violation_that_is_born_under_a_waiver_never_rings() -> None:
    async with _running() as run:
        told = await run.after(_waiver(), _policy(), _resource(), expect=1)
        assert told == [(*SHOP, Change.WAIVED, "w")]


async def test_another_waiver_takes_over_without_the_violation_returning() -> None:
    async with _running() as run:
        await run.after(_policy(), _resource(), _waiver("long", days=9), expect=2)
        assert await run.after(_waiver("short"), _gone("long"), expect=1) == [
            (*SHOP, Change.UPDATED, "short")
        ]


async def test_of_two_waivers_the_end_of_the_longer_one_brings_it_back() -> None:
    async with _running() as run:
        await run.after(_waiver("short"), _waiver("long", days=2), _policy(), _resource(), expect=1)
        run.now = NOW + timedelta(days=1)  # says nothing: the other one covers it
        assert await run.after(_resource("ops"), expect=1) == [(*OPS, Change.NEW, "")]
        run.now = NOW + timedelta(days=2)
        assert await run.after(expect=1) == [(*SHOP, Change.RETURNED, "")]


@pytest.mark.parametrize("is_taken_back", [False, True])
async def test_a_waiver_that_ends_while_its_policy_cannot_be_evaluated_brings_the_violation_back(
    *, is_taken_back: bool
) -> None:
    async with _running() as run:
        await run.after(_waiver(), _policy(), _resource(), expect=1)
        broken = [("shop", Outcome.ERROR, Change.UPDATED, "")]
        assert await run.after(_policy("p2", broken=True), expect=1) == broken
        assert run.held() == ["", "w"]
        assert "waiver" not in run.told[-1].extensions  # an error rings, whatever is waived
        run.now = NOW + timedelta(days=0 if is_taken_back else 1)
        returned = [("shop", Outcome.ERROR, Change.RETURNED, "")]
        assert await run.after(*([_gone()] if is_taken_back else []), expect=1) == returned
        assert run.held() == ["", "w", ""]
        assert await run.after(_policy("p3"), expect=1) == [(*SHOP, Change.DEGRADED, "")]
        assert len({event.id for event in run.told}) == len(run.told)


async def test_after_an_error_a_waiver_still_covers_what_it_covered() -> None:
    async with _running() as run:
        await run.after(_waiver(), _policy(), _resource(), expect=1)
        await run.after(_policy("p2", broken=True), expect=1)
        assert await run.after(_policy("p3"), expect=1) == [(*SHOP, Change.UPDATED, "w")]


async def test_an_error_of_what_was_not_waived_is_about_no_waiver() -> None:
    async with _running() as run:
        await run.after(_policy(), _resource(), expect=1)
        await run.after(_policy("p2", broken=True), expect=1)
        assert await run.after(_waiver(), _resource("ops"), expect=1) == [
            ("ops", Outcome.ERROR, Change.NEW, "")
        ]
        assert run.held() == ["", "", ""]


async def _restored(days: int, *records: Record, broken: bool = False) -> list[tuple[Outcome, Change, str]]:
    """What a second run tells of what the first one had waived; `days` later, with these records.

    `broken`: its policy could not be evaluated when the first one ended.
    """
    async with _running() as run:
        await run.after(_waiver(days=2), _policy(), _resource(), expect=1)
        if broken:
            await run.after(_policy("p2", broken=True), expect=1)
        told = run.told
    state = State(remember=True)
    for event in told:
        assert isinstance(event.data, Verdict)
        state.restore(event.key, event.id, event.data)
    async with _running(state, NOW + timedelta(days=days)) as run:
        # a witness: after it, all before it is told
        found = await run.after(*records, _resource("zoo"), expect=1)
        if not any(namespace == "zoo" for namespace, *_ in found):
            found += await run.after(expect=1)
    return [(outcome, change, waiver) for namespace, outcome, change, waiver in found if namespace == "shop"]


async def test_a_restart_keeps_a_waiver_and_tells_nothing_anew() -> None:
    assert await _restored(1, _waiver(days=2), _policy(), _resource()) == []


async def test_what_expired_or_was_taken_back_meanwhile_returns_after_a_restart() -> None:
    returned = [(Outcome.FAIL, Change.RETURNED, "")]
    assert await _restored(2, _waiver(days=2), _policy(), _resource()) == returned
    assert await _restored(1, _gone(), _policy(), _resource()) == returned


async def test_what_a_waiver_covered_before_an_error_returns_after_a_restart() -> None:
    policy = _policy("p2", broken=True)
    assert await _restored(1, _waiver(days=2), policy, _resource(), broken=True) == []
    returned = [(Outcome.ERROR, Change.RETURNED, "")]
    assert await _restored(1, _gone(), policy, _resource(), broken=True) == returned
    assert await _restored(2, _waiver(days=2), policy, _resource(), broken=True) == returned
    mended = await _restored(1, _gone(), _policy("p3"), _resource(), broken=True)
    assert mended == [(Outcome.FAIL, Change.RETURNED, "")]

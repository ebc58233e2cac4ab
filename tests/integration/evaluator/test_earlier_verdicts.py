"""Verdicts of an earlier run, restored: told anew where they changed, withdrawn where they are over.

Not here: how they are kept (the sink's tests).
"""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from evaluator.app import GROUP, TOPICS, Evaluator
from evaluator.rego.pool import WorkerPool
from evaluator.state import State
from pipeline.bus import Record
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
    source_of,
)
from pipeline.settings import load_settings
from tests.unit.evaluator.policy_objects import pod, policy_object

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def _event(topic: Topic, type_: EventType, key: str, data: Any) -> Record:
    event = Event(
        type=type_, source=source_of("c"), id=data.digest, time=NOW, subject="s", key=key, data=data
    )
    return Record(topic, key, event)


def _policy(name: str, digest: str = "p1", **spec: Any) -> Record:
    body = policy_object(mode="warn", **spec)
    body["metadata"]["name"] = name
    data = PolicyApplied(cluster="c", name=name, digest=digest, object=body)
    return _event(Topic.POLICIES, EventType.POLICY_APPLIED, f"c/{name}", data)


def _resource(uid: str = "u", image: str = "nginx") -> Record:
    ref = ResourceRef(api_version="v1", kind="Pod", namespace="shop", name="cart", uid=uid)
    data = ResourceApplied(cluster="c", resource=ref, digest=image, object=pod(image), file="a.yaml")
    return _event(Topic.RESOURCES, EventType.RESOURCE_APPLIED, f"c/{uid}", data)


async def _told(state: State, *records: Record) -> list[Event]:
    settings = replace(load_settings().evaluator, workers=1)
    bus = MemoryBus()
    async with (
        WorkerPool(settings) as pool,
        bus.consume(GROUP, TOPICS) as consumer,
        bus.consume("test", [Topic.VERDICTS]) as reader,
    ):
        await bus.publish(records)
        await bus.seal(Topic.POLICIES)
        await bus.seal(Topic.RESOURCES)
        await Evaluator(settings, pool, state, lambda: NOW).run(consumer, bus)
        events = [record.event for record in (await reader.receive(1000)).records]
    return [event for event in events if event is not None and isinstance(event.data, Verdict)]


def _said(events: list[Event]) -> list[tuple[str, Outcome, Change, Withdrawal | None]]:
    return [
        (event.data.policy.name, event.data.outcome, event.data.change, event.data.reason)
        for event in events
        if isinstance(event.data, Verdict)
    ]


async def _state_after_a_run(*, once: bool = False) -> tuple[State, list[Event]]:
    """What a second run knows after a first one with the policies p and q and one Pod."""
    first = await _told(State(remember=True), _policy("p"), _policy("q"), _resource())
    state = State(remember=True, once=once)
    for event in first:
        assert isinstance(event.data, Verdict)
        state.restore(event.key, event.id, event.data)
    return state, first


async def test_a_verdict_that_did_not_change_is_not_told_again_after_a_restart() -> None:
    state, _ = await _state_after_a_run()
    assert await _told(state, _policy("p"), _policy("q"), _resource()) == []


async def test_a_scan_tells_it_again_under_the_id_it_had() -> None:
    state, first = await _state_after_a_run(once=True)
    again = await _told(state, _policy("p"), _policy("q"), _resource())
    assert [event.id for event in again] == [event.id for event in first]
    assert {change for _, _, change, _ in _said(again)} == {Change.NONE}


async def test_a_verdict_stays_while_nobody_said_what_became_of_its_policy() -> None:
    """Its file may not parse at the moment: then no event comes for it."""
    state, _ = await _state_after_a_run()
    assert await _told(state, _policy("p"), _resource(image="redis")) != []
    assert [last.policy.name for _, last in state.verdicts_of("c/u")] == ["p", "q"]


@pytest.mark.parametrize("once", [False, True])
async def test_it_is_withdrawn_for_what_happened_meanwhile_as_if_somebody_had_seen_it(*, once: bool) -> None:
    state, _ = await _state_after_a_run(once=once)
    other = _policy("p", "p2", images=[{"glob": "ghcr.io/**"}])
    told = await _told(state, other, Record(Topic.POLICIES, "c/q", None), _resource())
    assert sorted(_said(told)) == [
        ("p", Outcome.WITHDRAWN, Change.UPDATED, Withdrawal.POLICY_CHANGED),
        ("q", Outcome.WITHDRAWN, Change.UPDATED, Withdrawal.POLICY_DELETED),
    ]


async def test_what_left_the_scope_of_a_policy_that_stayed_as_it_was_is_out_of_scope() -> None:
    narrow = _policy("p", images=[{"glob": "nginx"}])
    state = State(remember=True)
    for event in await _told(State(remember=True), narrow, _resource()):
        assert isinstance(event.data, Verdict)
        state.restore(event.key, event.id, event.data)
    told = await _told(state, narrow, _resource(image="redis"))
    assert _said(told) == [("p", Outcome.WITHDRAWN, Change.UPDATED, Withdrawal.OUT_OF_SCOPE)]


async def test_of_policies_a_scan_does_not_name_only_those_that_could_not_be_seen_keep_their_verdicts() -> (
    None
):
    for kept, withdrawn in ((["q"], []), ([], ["q"])):
        state, _ = await _state_after_a_run(once=True)
        state.keep_only(kept)
        told = await _told(state, _policy("p"), _resource())
        assert [name for name, outcome, _, _ in _said(told) if outcome is Outcome.WITHDRAWN] == withdrawn

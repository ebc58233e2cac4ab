"""The evaluator on Kafka: takeovers, rebalances, fencing, policies of several clusters, what cannot be read.

Processes that are killed: tests/e2e/test_services.py. Long series of faults: tests/faults.
"""

import asyncio
import logging
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from aiokafka import TopicPartition

from evaluator.rego.pool import WorkerPool
from evaluator.service import PartitionedEvaluator
from pipeline.bus import Record
from pipeline.events import (
    Change,
    Event,
    EventType,
    Outcome,
    PolicyApplied,
    ResourceApplied,
    ResourceRef,
    SourceFailed,
    Topic,
    Verdict,
    source_of,
)
from pipeline.kafka import assignment, topics
from pipeline.kafka.bus import KafkaBus
from pipeline.kafka.consuming import member_options, started, staying
from pipeline.kafka.errors import PartitionLostError
from pipeline.kafka.partitions import partition_of
from pipeline.kafka.producing import Producer
from pipeline.kafka.reading import read_topic
from pipeline.kafka.transactions import Transactions
from pipeline.kafka.wire import Message, encode
from pipeline.settings import EvaluatorSettings, KafkaSettings, load_settings
from pipeline.waivers import WaiverApplied, WaiverMatch, waiver_key
from tests.e2e.command import NOT_PRIVILEGED, pod, policy
from tests.kafka.broker import Broker

pytestmark = pytest.mark.xdist_group("kafka")

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PATIENCE = 60.0


@pytest.fixture
def settings(kafka_settings: KafkaSettings) -> KafkaSettings:
    return replace(kafka_settings, partitions=3, session_timeout=10.0)


def _event(type_: EventType, cluster: str, key: str, data: Any) -> Event:
    return Event(type=type_, source=source_of(cluster), id=key, time=NOW, subject=key, key=key, data=data)


def _pod(uid: str, *, privileged: bool, cluster: str = "c", version: str = "1") -> Record:
    body = pod(uid, privileged=privileged)
    ref = ResourceRef(
        api_version="v1", kind="Pod", namespace="d", name=uid, uid=uid, resource_version=version
    )
    applied = ResourceApplied(cluster=cluster, resource=ref, digest=f"{uid}-{version}", object=body)
    key = f"{cluster}/{uid}"
    return Record(Topic.RESOURCES, key, _event(EventType.RESOURCE_APPLIED, cluster, key, applied))


def _policy(name: str, digest: str = "1", cluster: str = "c", text: str = NOT_PRIVILEGED) -> Record:
    applied = PolicyApplied(cluster=cluster, name=name, digest=digest, object=policy(name, text))
    key = f"{cluster}/{name}"
    return Record(Topic.POLICIES, key, _event(EventType.POLICY_APPLIED, cluster, key, applied))


async def _records(settings: KafkaSettings, topic: Topic) -> list[Record]:
    found: list[Record] = []
    await read_topic(settings, topic, found.append)
    return found


async def _verdicts(settings: KafkaSettings) -> dict[str, Outcome]:
    """The last verdict of each key, as whoever reads only what is committed sees it."""
    last: dict[str, Outcome] = {}
    for record in await _records(settings, Topic.VERDICTS):
        if record.event is None:
            last.pop(record.key, None)
        elif isinstance(record.event.data, Verdict):
            last[record.key] = record.event.data.outcome
    return last


async def _until(settings: KafkaSettings, wanted: dict[str, Outcome]) -> None:
    """Read until the topic says so."""
    async with asyncio.timeout(PATIENCE):
        while await _verdicts(settings) != wanted:
            pass  # each reading waits for the broker


@asynccontextmanager
async def _evaluating(
    settings: KafkaSettings, recheck: float = 3600.0
) -> AsyncIterator[PartitionedEvaluator]:
    """An evaluator in this process until the block ends."""
    stop = asyncio.Event()
    mine: EvaluatorSettings = replace(load_settings().evaluator, workers=1, recheck=recheck)
    async with WorkerPool(mine) as pool, asyncio.TaskGroup() as group:
        service = PartitionedEvaluator(mine, settings, pool, lambda: NOW)
        group.create_task(service.run(stop, lambda: None))
        try:
            yield service
        finally:
            stop.set()


def _takeovers(caplog: pytest.LogCaptureFixture) -> Counter[int]:
    """How often each partition's state was built."""
    said = [record.getMessage() for record in caplog.records]
    return Counter(int(line.split()[1]) for line in said if "taken over" in line)


async def _until_taken_over(settings: KafkaSettings, caplog: pytest.LogCaptureFixture) -> None:
    async with asyncio.timeout(PATIENCE):
        while _takeovers(caplog).total() < settings.partitions:
            await _records(settings, Topic.POLICIES)  # waits for the broker


async def test_each_resource_is_judged_by_the_policies_of_its_cluster(settings: KafkaSettings) -> None:
    await topics.create(settings)
    async with KafkaBus.connect(settings) as bus, _evaluating(settings):
        await bus.publish([_policy("p"), _policy("q", cluster="other")])
        await bus.publish([_pod("a", privileged=True), _pod("b", privileged=False, cluster="other")])
        await _until(settings, {"c/a/p": Outcome.FAIL, "other/b/q": Outcome.PASS})


async def test_what_changed_while_nobody_evaluated_is_told_once(settings: KafkaSettings) -> None:
    await topics.create(settings)
    pods = [_pod(f"u{number}", privileged=number % 2 == 0) for number in range(20)]
    async with KafkaBus.connect(settings) as bus:
        async with _evaluating(settings):
            await bus.publish([_policy("p"), _policy("gone")])
            await bus.publish(pods)
            first = {
                f"c/u{number}/{name}": Outcome.PASS if number % 2 else Outcome.FAIL
                for number in range(20)
                for name in ("p", "gone")
            }
            await _until(settings, first)
        told = len(await _records(settings, Topic.VERDICTS))
        async with _evaluating(settings):  # nothing happened: nothing is told
            await bus.publish([_pod("new", privileged=False)])
            await _until(settings, {**first, "c/new/p": Outcome.PASS, "c/new/gone": Outcome.PASS})
        assert len(await _records(settings, Topic.VERDICTS)) == told + 2
        await bus.publish(
            [Record(Topic.POLICIES, "c/gone", None), _policy("p", "2", text="isCompliant = true")]
        )
        await bus.publish([Record(Topic.RESOURCES, "c/u0", None)])
        async with _evaluating(settings):
            wanted = {f"c/u{number}/p": Outcome.PASS for number in range(1, 20)} | {"c/new/p": Outcome.PASS}
            gone = {
                f"c/{uid}/gone": Outcome.WITHDRAWN
                for uid in ("new", *(f"u{number}" for number in range(1, 20)))
            }
            await _until_without(settings, wanted, gone)


async def _until_without(
    settings: KafkaSettings, wanted: dict[str, Outcome], withdrawn: dict[str, Outcome]
) -> None:
    """A resource that is gone may be withdrawn from a policy first that is gone, too."""
    async with asyncio.timeout(PATIENCE):
        while True:
            found = await _verdicts(settings)
            found.pop("c/u0/gone", None)
            if found == wanted | withdrawn:
                return


async def test_the_owner_before_cannot_commit_any_more(settings: KafkaSettings) -> None:
    await topics.create(settings)
    place = TopicPartition(topics.topic_name(settings, Topic.RESOURCES), 0)
    message = encode(_pod("zombie", privileged=True))
    verdict = Message(Topic.VERDICTS, message.key, message.value, message.headers)
    before, after = (Transactions(settings, "evaluator", place) for _ in range(2))
    try:
        await before.start()
        await before.send([verdict])
        await after.start()
        with pytest.raises(PartitionLostError):
            await before.commit(7)
        with pytest.raises(PartitionLostError):
            await before.send([verdict])
        assert await _records(settings, Topic.VERDICTS) == []
        await after.send([verdict])
        await after.commit(1)
        assert len(await _records(settings, Topic.VERDICTS)) == 1
    finally:
        await before.close()
        await after.close()


async def test_a_transaction_that_the_client_has_given_up_loses_the_partition(
    settings: KafkaSettings,
) -> None:
    await topics.create(settings)
    place = TopicPartition(topics.topic_name(settings, Topic.RESOURCES), 0)
    transactions = Transactions(settings, "evaluator", place)
    try:
        await transactions.start()
        transactions._open = True  # as after a failure that only the client knows of
        with pytest.raises(PartitionLostError, match="not in transaction"):
            await transactions.send([encode(_pod("zombie", privileged=True))])
    finally:
        await transactions.close()


async def test_a_commit_that_is_not_answered_loses_the_partition(
    settings: KafkaSettings, broker: Broker
) -> None:
    await topics.create(settings)
    place = TopicPartition(topics.topic_name(settings, Topic.RESOURCES), 0)
    transactions = Transactions(replace(settings, session_timeout=2.0), "evaluator", place)
    assert broker.process is not None
    try:
        await transactions.start()
        await transactions.send([encode(_pod("silent", privileged=True))])
        await asyncio.wait(transactions._sent)
        broker.process.send_signal(signal.SIGSTOP)
        with pytest.raises(PartitionLostError, match="no answer in time"):
            await transactions.commit(1)
    finally:
        broker.process.send_signal(signal.SIGCONT)
        await transactions.close()


async def test_a_claim_that_is_not_answered_is_made_again(
    settings: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when a broker came back just then: the client waited for ever, and the partition with it."""
    await topics.create(settings)
    monkeypatch.setattr(assignment, "_OPENING", 1.0)
    start, asked = Transactions.start, [0]

    async def unanswered_at_first(transactions: Transactions) -> None:
        asked[0] += 1
        if asked[0] <= settings.partitions:
            await asyncio.Event().wait()
        await start(transactions)

    monkeypatch.setattr(Transactions, "start", unanswered_at_first)
    async with KafkaBus.connect(settings) as bus, _evaluating(settings):
        await bus.publish([_policy("p"), _pod("a", privileged=False)])
        await _until(settings, {"c/a/p": Outcome.PASS})


async def test_two_evaluators_share_the_work_and_one_takes_over_from_the_other(
    settings: KafkaSettings,
) -> None:
    await topics.create(settings)
    wanted: dict[str, Outcome] = {}
    async with KafkaBus.connect(settings) as bus, _evaluating(settings):
        await bus.publish([_policy("p")])
        async with _evaluating(settings):
            for number in range(60):
                await bus.publish([_pod(f"u{number}", privileged=number % 3 == 0)])
                wanted[f"c/u{number}/p"] = Outcome.PASS if number % 3 else Outcome.FAIL
        await bus.publish([_pod("u1", privileged=True, version="2")])
        await _until(settings, wanted | {"c/u1/p": Outcome.FAIL})
    ids = [record.event.id for record in await _records(settings, Topic.VERDICTS) if record.event]
    assert len(ids) == len(set(ids))  # nothing is told twice


async def test_a_partition_that_somebody_else_had_in_between_is_claimed_again(
    settings: KafkaSettings,
) -> None:
    """As after a process was frozen for longer than its session: nothing is published that would tell it."""
    await topics.create(settings)
    uids = [f"u{number}" for number in range(12)]
    async with KafkaBus.connect(settings) as bus, _evaluating(settings):
        await bus.publish([_policy("p"), *(_pod(uid, privileged=False) for uid in uids)])
        await _until(settings, {f"c/{uid}/p": Outcome.PASS for uid in uids})
        for number in range(settings.partitions):
            place = TopicPartition(topics.topic_name(settings, Topic.RESOURCES), number)
            somebody = Transactions(settings, "evaluator", place)
            await somebody.start()
            await somebody.close()
        async with (
            started(settings, {**member_options(settings, "evaluator"), **staying()}) as member,
            asyncio.timeout(PATIENCE),
        ):
            member.subscribe([topics.topic_name(settings, Topic.RESOURCES)])
            while not member.assignment():  # a rebalance, and another when it goes
                await member.getmany(timeout_ms=100)
        await bus.publish([_pod(uid, privileged=True, version="2") for uid in uids])
        await _until(settings, {f"c/{uid}/p": Outcome.FAIL for uid in uids})


async def test_a_partition_that_stays_through_a_rebalance_keeps_its_state(
    settings: KafkaSettings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "evaluator.service")
    await topics.create(settings)
    uids = [f"u{number}" for number in range(30)]
    async with KafkaBus.connect(settings) as bus, _evaluating(settings):
        await bus.publish([_policy("p"), *(_pod(uid, privileged=True) for uid in uids)])
        await _until(settings, {f"c/{uid}/p": Outcome.FAIL for uid in uids})
        assert _takeovers(caplog) == dict.fromkeys(range(settings.partitions), 1)
        async with (
            started(settings, {**member_options(settings, "evaluator"), **staying()}) as member,
            asyncio.timeout(PATIENCE),
        ):
            member.subscribe([topics.topic_name(settings, Topic.RESOURCES)])
            while not member.assignment():
                await member.getmany(timeout_ms=100)
            went = {place.partition for place in member.assignment()}
            stayed = set(range(settings.partitions)) - went
            # those that stayed go on: each is told of the policy, and judges what it remembers
            await bus.publish([_policy("p", "2", text="isCompliant = true")])
            mine = {uid for uid in uids if partition_of(f"c/{uid}".encode(), settings.partitions) in stayed}
            wanted = {f"c/{uid}/p": Outcome.PASS if uid in mine else Outcome.FAIL for uid in uids}
            await _until(settings, wanted)
        await _until(settings, {f"c/{uid}/p": Outcome.PASS for uid in uids})
        assert went
        assert stayed
        assert _takeovers(caplog) == {number: 2 if number in went else 1 for number in range(3)}
    ids = [record.event.id for record in await _records(settings, Topic.VERDICTS) if record.event]
    assert len(ids) == len(set(ids))


async def test_a_policy_that_reads_the_clock_is_judged_again_after_a_restart(
    settings: KafkaSettings, caplog: pytest.LogCaptureFixture
) -> None:
    """Its verdicts turn by chance, and no event says so."""
    caplog.set_level(logging.INFO, "evaluator.service")
    await topics.create(settings)
    turns = "isCompliant { time.now_ns() % 7 < 3 }"
    async with KafkaBus.connect(settings) as bus:
        async with _evaluating(settings, recheck=0.5):
            await bus.publish([_policy("clock", text=turns), _pod("a", privileged=False)])
            await _until_told(settings, "c/a/clock", 2)
        caplog.clear()
        async with _evaluating(settings, recheck=0.5):
            await _until_taken_over(settings, caplog)
            before = await _told(settings, "c/a/clock")
            await _until_told(settings, "c/a/clock", len(before) + 3)  # one may be of the takeover
    told = await _told(settings, "c/a/clock")
    assert all(one is not other for one, other in pairwise(told))


async def _told(settings: KafkaSettings, key: str) -> list[Outcome]:
    """Every verdict of a key, in the order in which they were told."""
    return [
        record.event.data.outcome
        for record in await _records(settings, Topic.VERDICTS)
        if record.key == key and record.event and isinstance(record.event.data, Verdict)
    ]


async def _until_told(settings: KafkaSettings, key: str, count: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while len(await _told(settings, key)) < count:
            pass  # each reading waits for the broker


async def test_the_lag_of_each_partition_is_known(settings: KafkaSettings) -> None:
    await topics.create(settings)
    uids = [f"u{number}" for number in range(30)]
    async with KafkaBus.connect(settings) as bus, _evaluating(settings) as service:
        await bus.publish([_policy("p"), *(_pod(uid, privileged=True) for uid in uids)])
        await _until(settings, {f"c/{uid}/p": Outcome.FAIL for uid in uids})
        assert service.lag == {(Topic.RESOURCES, number): 0 for number in range(settings.partitions)}


async def test_what_is_no_event_is_passed_over_and_found_among_the_dead_letters(
    settings: KafkaSettings,
) -> None:
    await topics.create(settings)
    async with (
        KafkaBus.connect(settings) as bus,
        Producer.started(settings) as producer,
        _evaluating(settings),
    ):
        await producer.publish_raw([Message(Topic.RESOURCES, b"c/odd", b"\x00no event", [("ce_type", b"x")])])
        await bus.publish([_policy("p"), _pod("a", privileged=False)])
        await _until(settings, {"c/a/p": Outcome.PASS})
        async with bus.consume("sink", [Topic.RESOURCES]) as reader:
            delivery = await reader.receive(10)
            while not any(record.key == "c/a" for record in delivery.records):
                delivery = await reader.receive(10)
    letters = await _records(settings, Topic.DEADLETTERS)
    assert [letter.key for letter in letters] == ["c/odd"]
    assert letters[0].event is not None
    assert isinstance(letters[0].event.data, SourceFailed)
    assert "not a CloudEvent" in letters[0].event.data.message


async def test_an_event_too_large_for_the_log_is_said_and_mended(settings: KafkaSettings) -> None:
    small = replace(settings, message_bytes=4096)
    await topics.create(small)
    large = pod("a")
    large["metadata"]["annotations"] = {"note": "x" * 5000}
    record = _pod("a", privileged=False)
    assert record.event is not None
    assert isinstance(record.event.data, ResourceApplied)
    ref, key = record.event.data.resource, record.key
    data = ResourceApplied(cluster="c", resource=ref, digest="large", object=large)
    async with KafkaBus.connect(small) as bus:
        await bus.publish([Record(Topic.RESOURCES, key, _event(EventType.RESOURCE_APPLIED, "c", key, data))])
        letters = await _records(small, Topic.DEADLETTERS)
        assert letters[0].event is not None
        assert isinstance(letters[0].event.data, SourceFailed)
        assert "kafka_message_kib" in letters[0].event.data.message
        assert await _records(small, Topic.RESOURCES) == []
        await bus.publish([record])
        assert [letter.event for letter in await _records(small, Topic.DEADLETTERS)][1:] == [None]
        assert [found.key for found in await _records(small, Topic.RESOURCES)] == [key]


def _waiver(name: str = "w", *, days: int = 1) -> Record:
    waiver = WaiverApplied(
        cluster="c",
        name=name,
        digest=name,
        policies=("p",),
        match=WaiverMatch(namespaces=("d",), names=("a*",)),
        owner="team",
        reason="why",
        expires=NOW + timedelta(days=days),
    )
    key = waiver_key("c", name)
    return Record(Topic.POLICIES, key, _event(EventType.WAIVER_APPLIED, "c", key, waiver))


async def _edges(settings: KafkaSettings, key: str) -> list[tuple[Change, str]]:
    """The change and the waiver of each verdict of a key that is still on the topic."""
    data = [record.event.data for record in await _records(settings, Topic.VERDICTS) if record.event]
    return [
        (each.change, each.waiver.name if each.waiver else "")
        for each in data
        if isinstance(each, Verdict) and f"c/{each.resource.uid}/p" == key
    ]


async def _until_edges(settings: KafkaSettings, key: str, wanted: list[tuple[Change, str]]) -> None:
    async with asyncio.timeout(PATIENCE):
        while await _edges(settings, key) != wanted:
            pass  # each reading waits for the broker


async def test_a_waiver_holds_across_a_restart_and_its_end_is_edges(settings: KafkaSettings) -> None:
    await topics.create(settings)
    begun = [(Change.NEW, ""), (Change.WAIVED, "w")]
    async with KafkaBus.connect(settings) as bus:
        async with _evaluating(settings):
            await bus.publish([_policy("p")])
            await bus.publish([_pod("a1", privileged=True), _pod("b1", privileged=True)])
            await _until(settings, {"c/a1/p": Outcome.FAIL, "c/b1/p": Outcome.FAIL})
            await bus.publish([_waiver()])
            await _until_edges(settings, "c/a1/p", begun)
        async with _evaluating(settings):  # nothing changed: only what is new is told
            await bus.publish([_pod("a2", privileged=True)])
            await _until_edges(settings, "c/a2/p", [(Change.WAIVED, "w")])
            await bus.publish([Record(Topic.POLICIES, waiver_key("c", "w"), None)])
            await _until_edges(settings, "c/a1/p", [*begun, (Change.RETURNED, "")])
            await _until_edges(settings, "c/a2/p", [(Change.WAIVED, "w"), (Change.RETURNED, "")])
        assert await _edges(settings, "c/b1/p") == [(Change.NEW, "")]


async def test_a_waiver_that_expired_while_nobody_evaluated_covers_nothing_afterwards(
    settings: KafkaSettings,
) -> None:
    await topics.create(settings)
    async with KafkaBus.connect(settings) as bus:
        await bus.publish([_waiver(days=0), _policy("p")])
        await bus.publish([_pod("a1", privileged=True)])
        async with _evaluating(settings):
            await _until_edges(settings, "c/a1/p", [(Change.NEW, "")])

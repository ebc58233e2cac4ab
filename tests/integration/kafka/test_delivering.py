"""Deliveries from Kafka: positions, members that come and go, subscribers that are new, replays.

Processes that are killed: tests/e2e/test_deliver.py.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest

from deliverer.lane import Lane, Limits, Surroundings
from deliverer.sender import HttpSender
from pipeline.bus import Record
from pipeline.events import Topic
from pipeline.kafka import topics
from pipeline.kafka.producing import Producer
from pipeline.kafka.subscription import GroupBusyError, rewind, subscription
from pipeline.kafka.wire import Message
from pipeline.settings import KafkaSettings
from tests.fakes.subscriber import Subscriber, eventually, hang, serving
from tests.integration.deliverer.lanes import Seen, clock, to
from tests.verdicts import history, verdict

pytestmark = pytest.mark.xdist_group("kafka")


@pytest.fixture
async def log(kafka_settings: KafkaSettings) -> KafkaSettings:
    settings = replace(kafka_settings, partitions=4)
    await topics.create(settings)
    return settings


async def publish(log: KafkaSettings, records: list[Record]) -> None:
    async with Producer.started(log) as producer:
        await producer.publish(records)


def everything(records: list[Record]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for record in records:
        assert record.event is not None
        found.setdefault(record.event.subject, []).append(record.event.id)
    return found


@dataclass
class Member:
    lane: Lane
    halt: asyncio.Event
    task: "asyncio.Task[None]"
    seen: Seen


@asynccontextmanager
async def member(
    log: KafkaSettings,
    server: Subscriber,
    *,
    from_now: bool = False,
    limits: Limits | None = None,
    **fields: Any,
) -> AsyncIterator[Member]:
    """One process of a subscriber's group until the block ends."""
    subscriber = to(server.url, **fields)
    seen, halt = Seen(), asyncio.Event()
    around = Surroundings(seen, seen, seen, clock, limits or Limits())
    async with (
        HttpSender.open(subscriber, clock) as sender,
        subscription(log, subscriber.name, from_now=from_now) as feed,
        asyncio.TaskGroup() as group,
    ):
        lane = Lane(subscriber, feed, sender, around)
        try:
            yield Member(lane, halt, group.create_task(lane.run(halt)), seen)
        finally:
            halt.set()


async def test_what_was_delivered_is_not_delivered_to_the_next_process(log: KafkaSettings) -> None:
    records = history(10, 4)
    await publish(log, records[:20])
    async with serving() as server:
        async with member(log, server):
            await server.until_accepted(20)
        await publish(log, records[20:])
        async with member(log, server):
            await server.until_accepted(40)
    assert server.firsts() == everything(records)
    assert len(server.accepted) == 40


async def test_a_new_subscriber_begins_now_also_when_its_first_process_is_cut_off(log: KafkaSettings) -> None:
    """What is published after it was first there is not missed."""
    await publish(log, history(4, 2))
    new = [verdict(f"new-{number}", 0) for number in range(8)]
    async with serving() as server:
        async with subscription(log, "test", from_now=True) as feed:
            while not feed.is_placed:
                await feed.read(10)
        await publish(log, new)
        async with member(log, server, from_now=True):
            await server.until_accepted(8)
    assert server.firsts() == everything(new)


async def test_members_share_the_work_and_every_resource_stays_in_order(log: KafkaSettings) -> None:
    """Members join and leave while events flow."""
    records = history(30, 12)
    async with serving() as server, AsyncExitStack() as stack:
        first = await stack.enter_async_context(member(log, server, concurrency=4))
        await publish(log, records[:120])
        await server.until_accepted(60)
        async with member(log, server, concurrency=4):
            await publish(log, records[120:240])
            await server.until_accepted(180)
            async with member(log, server, concurrency=4):
                await publish(log, records[240:])
                await server.until_accepted(300)
        await server.until_accepted(len(records))
        assert not first.task.done()
    assert server.firsts() == everything(records)


async def test_a_member_that_is_full_stays_a_member_and_its_group_is_its_own(log: KafkaSettings) -> None:
    records = history(50, 2)
    await publish(log, records)
    async with serving(lambda _, __: hang()) as slow, serving() as quick:
        async with member(log, slow, name="slow", limits=Limits(events=10), timeout=60) as held:
            await eventually(lambda: held.lane.waiting == 10 and slow.at_once == 8)
            async with member(log, quick, name="quick"):
                await quick.until_accepted(100)
            assert not slow.accepted
            held.task.cancel()
        slow.behaviour = lambda _, __: 200
        async with member(log, slow, name="slow"):
            await slow.until_accepted(100)
    assert slow.firsts() == quick.firsts() == everything(records)


async def test_a_replay_begins_at_a_time_once_nobody_delivers(log: KafkaSettings) -> None:
    await publish(log, history(10, 1))
    async with serving() as server:
        async with member(log, server) as live:
            await server.until_accepted(10)
            with pytest.raises(GroupBusyError, match="test is being delivered to"):
                await rewind(log, "test", 0)
            live.halt.set()
        assert await rewind(log, "test", 4_000_000_000_000) == 0
        assert await rewind(log, "test", 0) == 10
        async with member(log, server):
            await server.until(lambda me: len(me.accepted) == 20)
    assert len({got.event_id for got in server.accepted}) == 10


async def test_a_tombstone_and_what_is_no_event_are_passed_over(log: KafkaSettings) -> None:
    records = history(3, 1)
    await publish(log, records)
    async with Producer.started(log) as producer:
        await producer.publish([Record(Topic.VERDICTS, records[0].key, None)])
        await producer.publish_raw([Message(Topic.VERDICTS, b"c/x/y", b"no event", [])])
    late = verdict("late", 1)
    await publish(log, [late])
    async with serving() as server, member(log, server):
        await server.until_accepted(4)
    assert server.firsts() == everything([*records, late])

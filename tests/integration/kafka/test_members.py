"""Members of a group come, go and are slow: what that does to the others' partitions.

Not covered: members that die (`make faults SUITE=pipeline`).
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.abc import ConsumerRebalanceListener

from pipeline.events import Topic
from pipeline.kafka import topics
from pipeline.kafka.committed import committed
from pipeline.kafka.consuming import member_options, started, staying
from pipeline.settings import KafkaSettings, load_settings
from tests.kafka.broker import running
from tests.services import kafka

pytestmark = pytest.mark.xdist_group("kafka")

PARTITIONS = 12
PATIENCE = 60.0


class Listener(ConsumerRebalanceListener):  # type: ignore[misc] # the base has no types
    """Keeps what was assigned, time after time; takes its time to let go."""

    def __init__(self, slow: float = 0.0) -> None:
        self.assigned: list[set[int]] = []
        self._slow = slow

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        if list(revoked):
            await asyncio.sleep(self._slow)  # what it does: a loop that is busy

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        self.assigned.append({place.partition for place in assigned})


@pytest.fixture
async def settings(kafka_settings: KafkaSettings) -> KafkaSettings:
    settings = replace(kafka_settings, partitions=PARTITIONS, session_timeout=2.0)
    await topics.create(settings)
    return settings


@asynccontextmanager
async def _member(settings: KafkaSettings, slow: float = 0.0) -> AsyncIterator[Listener]:
    options = {**member_options(settings, "evaluator"), **staying()}
    async with started(settings, options) as consumer, asyncio.TaskGroup() as group:
        listener = Listener(slow)
        consumer.subscribe([topics.topic_name(settings, Topic.RESOURCES)], listener=listener)
        polling = group.create_task(_poll(consumer))
        yield listener
        polling.cancel()


async def _poll(consumer: AIOKafkaConsumer) -> None:
    while True:
        await consumer.getmany(timeout_ms=50)


async def _until_shared(*members: Listener) -> list[set[int]]:
    async with asyncio.timeout(PATIENCE):
        while True:
            now = [member.assigned[-1] if member.assigned else set() for member in members]
            if all(now) and sum(map(len, now)) == PARTITIONS and len(set().union(*now)) == PARTITIONS:
                return now
            await asyncio.sleep(0.05)


async def test_partitions_stay_where_they_are_known_when_others_come_and_go(settings: KafkaSettings) -> None:
    async with _member(settings) as first, _member(settings) as second:
        before = await _until_shared(first, second)
        async with _member(settings) as third:
            during = await _until_shared(first, second, third)
            assert during[0] < before[0]
            assert during[1] < before[1]
        after = await _until_shared(first, second)
        assert during[0] < after[0]
        assert during[1] < after[1]


async def test_a_member_that_lets_go_slowly_is_waited_for(settings: KafkaSettings) -> None:
    """It was thrown out after a session, came back, and everybody began again: nobody got to work."""
    async with _member(settings, slow=1.5 * settings.session_timeout) as slow:
        await _until_shared(slow)
        async with _member(settings) as other:
            await _until_shared(slow, other)
            assert [len(each) for each in other.assigned if each] == [PARTITIONS // 2]


async def test_what_a_group_has_committed_is_known_however_soon_after_a_broker_restarted(
    tmp_path: Path,
) -> None:
    with running(kafka(), tmp_path) as broker:
        settings = replace(load_settings(kafka_bootstrap=broker.bootstrap).kafka, partitions=PARTITIONS)
        await topics.create(settings)
        places = [
            TopicPartition(topics.topic_name(settings, Topic.RESOURCES), at) for at in range(PARTITIONS)
        ]
        assert await committed(settings, "evaluator", places) == dict.fromkeys(places)
        wanted = {place: 1 + place.partition for place in places}
        async with started(settings, member_options(settings, "evaluator")) as consumer:
            consumer.assign(places)
            await consumer.commit(wanted)
        for end in (broker.stop, broker.kill):
            await asyncio.to_thread(end)
            await asyncio.to_thread(broker.start)
            assert await committed(settings, "evaluator", places) == wanted

"""The bus port's promises, for every adapter. See `pipeline.bus`.

Not covered: several members of one group (tests/integration/kafka), and what a
bounded bus does when it is full (tests/unit/pipeline/test_bus_memory.py).
"""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from pipeline.bus import Bus, Consumer, Record
from pipeline.bus_memory import MemoryBus
from pipeline.events import Topic
from pipeline.kafka import topics
from pipeline.kafka.bus import KafkaBus
from pipeline.settings import KafkaSettings

CAPACITY = 8
PATIENCE = 30.0


@pytest.fixture(params=["memory", pytest.param("kafka", marks=pytest.mark.xdist_group("kafka"))])
async def bus(request: pytest.FixtureRequest) -> AsyncIterator[Bus]:
    if request.param == "memory":
        yield MemoryBus(capacity=CAPACITY)
        return
    settings: KafkaSettings = request.getfixturevalue("kafka_settings")
    await topics.create(settings)
    async with KafkaBus.connect(settings) as kafka:
        yield kafka


def _records(topic: Topic, keys: Sequence[str]) -> list[Record]:
    return [Record(topic, key, None) for key in keys]


async def _drain(consumer: Consumer) -> list[str]:
    keys: list[str] = []
    while (delivery := await consumer.receive(3)).records:
        keys += [record.key for record in delivery.records]
        await consumer.acknowledge(delivery)
    return keys


async def test_records_come_in_the_order_they_were_published(bus: Bus) -> None:
    async with bus.consume("group", [Topic.RESOURCES]) as consumer:
        await bus.publish(_records(Topic.RESOURCES, ["a", "b"]))
        await bus.publish(_records(Topic.RESOURCES, ["c"]))
        await bus.seal(Topic.RESOURCES)
        assert await _drain(consumer) == ["a", "b", "c"]


async def test_each_group_sees_every_record(bus: Bus) -> None:
    async with (
        bus.consume("one", [Topic.RESOURCES]) as one,
        bus.consume("two", [Topic.RESOURCES]) as two,
    ):
        await bus.publish(_records(Topic.RESOURCES, ["a", "b"]))
        await bus.seal(Topic.RESOURCES)
        assert await _drain(one) == await _drain(two) == ["a", "b"]


async def test_a_group_sees_only_its_topics(bus: Bus) -> None:
    async with bus.consume("group", [Topic.POLICIES]) as consumer:
        await bus.publish(_records(Topic.RESOURCES, ["a"]) + _records(Topic.POLICIES, ["p"]))
        await bus.seal(Topic.POLICIES)
        assert await _drain(consumer) == ["p"]


async def test_the_log_ends_only_when_all_its_topics_are_sealed(bus: Bus) -> None:
    async with bus.consume("group", [Topic.POLICIES, Topic.RESOURCES]) as consumer:
        await bus.seal(Topic.POLICIES)
        receiving = asyncio.create_task(_drain(consumer))
        await bus.publish(_records(Topic.RESOURCES, ["a"]))
        assert not receiving.done()
        await bus.seal(Topic.RESOURCES)
        assert await asyncio.wait_for(receiving, PATIENCE) == ["a"]


async def test_a_group_that_is_behind_gets_everything(bus: Bus) -> None:
    async with bus.consume("group", [Topic.RESOURCES]) as consumer:
        keys = [str(number) for number in range(3 * CAPACITY)]
        publishing = asyncio.create_task(bus.publish(_records(Topic.RESOURCES, keys)))
        first = await consumer.receive(1)
        draining = asyncio.create_task(_drain(consumer))
        await asyncio.wait_for(publishing, PATIENCE)
        await bus.seal(Topic.RESOURCES)
        assert [first.records[0].key, *await asyncio.wait_for(draining, PATIENCE)] == keys


async def test_offsets_grow_also_when_a_publisher_overtakes_one_that_waits(bus: Bus) -> None:
    """A sink that has written an offset takes every smaller one for written, too."""
    async with bus.consume("group", [Topic.RESOURCES]) as consumer:
        keys = [str(number) for number in range(CAPACITY + 1)]
        waiting = asyncio.create_task(bus.publish(_records(Topic.RESOURCES, keys)))
        first = await consumer.receive(1)
        await bus.publish(_records(Topic.RESOURCES, ["late"]))
        offsets = [first.records[0].offset]
        while len(offsets) < CAPACITY + 2:
            delivery = await asyncio.wait_for(consumer.receive(3), PATIENCE)
            offsets += [record.offset for record in delivery.records]
        await waiting
    assert offsets == sorted(offsets)


async def test_a_cancelled_receive_loses_nothing(bus: Bus) -> None:
    async with bus.consume("group", [Topic.RESOURCES]) as consumer:
        receiving = asyncio.create_task(consumer.receive(1))
        await asyncio.sleep(0)
        receiving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await receiving
        await bus.publish(_records(Topic.RESOURCES, ["a"]))
        await bus.seal(Topic.RESOURCES)
        assert await _drain(consumer) == ["a"]


async def test_positions_are_after_the_last_record_of_each_topic(bus: Bus) -> None:
    async with bus.consume("group", [Topic.POLICIES, Topic.RESOURCES]) as consumer:
        await bus.publish(_records(Topic.POLICIES, ["p"]) + _records(Topic.RESOURCES, ["a", "b"]))
        positions: dict[tuple[Topic, int], int] = {}
        while len(positions) < 2:  # topics are not in step with each other
            positions |= (await consumer.receive(10)).positions
        assert positions == {(Topic.POLICIES, 0): 1, (Topic.RESOURCES, 0): 2}


async def test_nothing_follows_a_seal(bus: Bus) -> None:
    await bus.seal(Topic.RESOURCES)
    with pytest.raises(ValueError, match="sealed"):
        await bus.publish(_records(Topic.RESOURCES, ["a"]))

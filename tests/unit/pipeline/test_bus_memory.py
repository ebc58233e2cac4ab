"""What a bounded bus does when it is full; its other promises are in tests/contract/test_bus.py."""

import asyncio

from pipeline.bus import Record
from pipeline.bus_memory import MemoryBus
from pipeline.events import Topic

CAPACITY = 8


async def test_publishing_waits_for_a_group_that_is_behind() -> None:
    bus = MemoryBus(capacity=CAPACITY)
    async with bus.consume("group", [Topic.RESOURCES]) as consumer:
        records = [Record(Topic.RESOURCES, str(number), None) for number in range(2 * CAPACITY)]
        publishing = asyncio.create_task(bus.publish(records))
        await consumer.receive(1)
        assert not publishing.done()
        await consumer.receive(CAPACITY)
        await publishing

"""Clients of Kafka end, and whoever is told to stop meanwhile stops.

Not covered: that services end in order whatever happens to them (`make faults SUITE=pipeline`).
"""

import asyncio

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import ProducerFenced

from pipeline.events import Topic
from pipeline.kafka import topics
from pipeline.kafka.consuming import consumer_options, started
from pipeline.kafka.transactions import Transactions
from pipeline.settings import KafkaSettings

pytestmark = pytest.mark.xdist_group("kafka")

STEPS = 20
"""Turns of the loop that the end of a client takes, and more."""


async def test_a_cancellation_is_not_lost_at_whatever_step_of_a_client_s_end_it_comes(
    kafka_settings: KafkaSettings,
) -> None:
    """The client takes one for the end of its own tasks: a partition that was given up was worked on."""
    await topics.create(kafka_settings)

    async def read(read_enough: asyncio.Event) -> None:
        async with started(kafka_settings, consumer_options(kafka_settings), Topic.POLICIES):
            read_enough.set()
        await asyncio.sleep(60)

    for step in range(STEPS):
        read_enough = asyncio.Event()
        reading = asyncio.create_task(read(read_enough))
        await read_enough.wait()
        for _ in range(step):
            await asyncio.sleep(0)
        reading.cancel()
        done, _ = await asyncio.wait({reading}, timeout=10)
        reading.cancel()
        assert done, f"cancelled {step} turns after its end began, it went on"
        assert reading.cancelled()


async def test_a_producer_that_learns_of_its_end_while_it_ends_is_let_go(
    kafka_settings: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client lets that out of `stop`, and leaves its connections open: an evaluator ended with it."""
    await topics.create(kafka_settings)
    place = TopicPartition(topics.topic_name(kafka_settings, Topic.RESOURCES), 0)
    transactions = Transactions(kafka_settings, "evaluator", place)
    await transactions.start()
    producer = transactions._producer
    stop = producer.stop

    async def fenced() -> None:
        raise ProducerFenced

    monkeypatch.setattr(producer, "stop", fenced)
    try:
        await transactions.close()
        assert not any(each.connected() for each in producer.client._conns.values())
    finally:
        await stop()

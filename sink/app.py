"""The sink: everything on the log into the database, in the order it came."""

import asyncio
import time

from pipeline.bus import Consumer, Delivery
from pipeline.errors import StoreBusyError
from pipeline.events import Topic
from sink.store import Store

GROUP = "sink"
TOPICS = (Topic.RESOURCES, Topic.POLICIES, Topic.VERDICTS, Topic.DEADLETTERS)

_BATCH = 1000
"""Records in one transaction: a commit costs as much as some hundred rows."""

_PATIENCE = 60.0
"""Seconds to wait for whoever locks the database, such as a backup, before giving up."""

_PAUSE = 0.5


async def run_sink(consumer: Consumer, store: Store, log_id: str) -> None:
    """Write to the end of the log. Raises StoreError."""
    while (delivery := await consumer.receive(_BATCH)).records:
        await _apply(store, delivery, log_id)
        await consumer.acknowledge(delivery)


async def run_sink_until(stop: asyncio.Event, consumer: Consumer, store: Store, log_id: str) -> None:
    """Write until told to stop: a log that is shared has no end. Raises StoreError and LogError."""
    async with asyncio.TaskGroup() as group:
        stopping = group.create_task(stop.wait(), name="sink-stop")
        while not stop.is_set():
            receiving = group.create_task(consumer.receive(_BATCH), name="sink-receive")
            await asyncio.wait({receiving, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not receiving.done():
                receiving.cancel()
                return
            delivery = receiving.result()
            await _apply(store, delivery, log_id)
            await consumer.acknowledge(delivery)


async def _apply(store: Store, delivery: Delivery, log_id: str) -> None:
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            return await store.apply(delivery, log_id)
        except StoreBusyError:
            if time.monotonic() > deadline:
                raise
        await asyncio.sleep(_PAUSE)

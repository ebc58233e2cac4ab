"""`tocsin deliver`: deliveries as a service on Kafka."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from cli.delivering import lanes, register, subscribers_of
from cli.render.text import counted
from cli.services import serve
from cli.telemetry import Telemetry
from deliverer.ports import Feed
from deliverer.subscriber import Start, Subscriber
from pipeline.errors import ExitCode
from pipeline.kafka.subscription import subscription
from pipeline.service import Part
from pipeline.settings import load_settings
from sink.subscribers import SubscriberStore


async def deliver(*, subscribers: str | None, kafka: str | None, db: str | None) -> ExitCode:
    """Deliver until told to stop. Raises UsageError, LogError."""
    settings = load_settings(subscribers=subscribers, kafka_bootstrap=kafka, db=db)
    log, everybody = settings.kafka, subscribers_of(settings)

    def joined(subscriber: Subscriber) -> AbstractAsyncContextManager[Feed]:
        return subscription(log, subscriber.name, from_now=subscriber.start is Start.NOW)

    async def work(stop: asyncio.Event, going: Callable[[], None], telemetry: Telemetry) -> None:
        limits = settings.database_limits
        async with SubscriberStore.open(settings.db, limits, create=True) as store:
            await register(store, everybody)
            async with lanes(settings, everybody, store, joined, telemetry) as parts:
                going()
                async with asyncio.TaskGroup() as group:
                    for name, part in parts.items():
                        group.create_task(_running(part, stop), name=name)

    doing = f"delivering from {log.bootstrap} to {counted(len(everybody), 'subscriber')}"
    return await serve("deliver", doing, work, settings)


async def _running(part: Part, stop: asyncio.Event) -> None:
    await part(stop)

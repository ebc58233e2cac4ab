"""`tocsin sink`: the sink as a service on Kafka."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack

from cli.services import serve
from cli.telemetry import Telemetry
from cli.wire import store_for
from pipeline.errors import ExitCode
from pipeline.kafka.bus import KafkaBus
from pipeline.settings import load_settings
from sink.app import GROUP, TOPICS, run_sink_until
from sink.database import parse_url, shown


async def sink(*, kafka: str | None, db: str | None) -> ExitCode:
    """Write until told to stop. Raises LogError."""
    settings = load_settings(kafka_bootstrap=kafka, db=db)
    log = settings.kafka

    async def work(stop: asyncio.Event, going: Callable[[], None], telemetry: Telemetry) -> None:
        async with AsyncExitStack() as stack:
            store = await store_for(settings, stack)
            telemetry.refusals(store.refusals)
            bus = await stack.enter_async_context(KafkaBus.connect(log))
            consumer = await stack.enter_async_context(
                bus.consume(GROUP, TOPICS, lambda _: store.positions(bus.log_id))
            )
            going()
            telemetry.lag(GROUP, lambda: consumer.lag)
            watched = telemetry.consumer(consumer, GROUP, is_last=True)
            await run_sink_until(stop, watched, store, bus.log_id)

    doing = f"writing from {log.bootstrap} to {shown(parse_url(settings.db))}"
    return await serve("sink", doing, work, settings)

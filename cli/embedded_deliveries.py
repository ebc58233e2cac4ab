"""`tocsin run --subscribers`: deliveries from the outbox of an embedded run."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta

from cli.delivering import lanes, register
from cli.render.text import counted
from cli.telemetry import Telemetry
from cli.wire import now
from deliverer.ports import Feed
from deliverer.subscriber import Subscriber
from pipeline.errors import StoreBusyError
from pipeline.service import Part
from pipeline.settings import Settings
from sink.outbox import OutboxFeed, Wake, prune
from sink.subscribers import SubscriberStore

_PRUNE_EVERY = 3600.0


@dataclass(slots=True)
class EmbeddedDeliveries:
    """`wake` is the store's, so that it fills the outbox; `parts` are there once it is `opened`."""

    settings: Settings
    telemetry: Telemetry
    subscribers: Sequence[Subscriber]
    wake: Wake = field(default_factory=Wake)
    parts: dict[str, Part] = field(default_factory=dict)

    @property
    def told(self) -> str:
        """What there is to say of it when it begins."""
        return f"to {counted(len(self.subscribers), 'subscriber')} of {self.settings.subscribers}"

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """With the database open. Raises StoreError, UsageError."""
        settings = self.settings
        async with SubscriberStore.open(settings.db, settings.database_limits, create=True) as store:
            await register(store, self.subscribers)

            def opened(subscriber: Subscriber) -> AbstractAsyncContextManager[Feed]:
                return OutboxFeed.open(store, subscriber.name, self.wake)

            async with lanes(settings, self.subscribers, store, opened, self.telemetry) as parts:
                self.parts = {**parts, "outbox": lambda stop: self._keep_small(store, stop)}
                yield

    async def _keep_small(self, store: SubscriberStore, stop: asyncio.Event) -> None:
        names = [subscriber.name for subscriber in self.subscribers]
        kept = timedelta(seconds=self.settings.delivery.retention)
        while not stop.is_set():
            with suppress(StoreBusyError):  # there is time
                await prune(store, names, now() - kept)
            with suppress(TimeoutError):
                async with asyncio.timeout(_PRUNE_EVERY):
                    await stop.wait()

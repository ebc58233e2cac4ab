"""A topic that every process reads whole: the policies."""

import asyncio
from collections.abc import Callable

from pipeline.bus import Record
from pipeline.events import Topic
from pipeline.kafka.consuming import consumer_options, started
from pipeline.kafka.errors import translated
from pipeline.kafka.wire import Unreadable, decode
from pipeline.settings import KafkaSettings

_POLL_MS = 500


class Inbox:
    """What changed since it was last emptied: of each key the last record only, so that it is bounded."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self.waiting: dict[str, Record] = {}
        self._wake = wake

    def put(self, record: Record) -> None:
        """A key changed."""
        self.waiting[record.key] = record
        self._wake()

    def take(self) -> list[Record]:
        """Everything, in the order of the log."""
        records = list(self.waiting.values())
        self.waiting.clear()
        return records


class Broadcast:
    """The last record of each key, and whoever wants to hear of changes."""

    def __init__(self, settings: KafkaSettings, topic: Topic) -> None:
        self._settings = settings
        self._topic = topic
        self._inboxes: set[Inbox] = set()
        self._positions: dict[int, int] = {}
        self.records: dict[str, Record] = {}
        self.complete = asyncio.Event()
        """Set once everything that was there at the start has been read."""

    def subscribe(self, wake: Callable[[], None]) -> Inbox:
        """Changes from now on; what is there now is in `records`."""
        inbox = Inbox(wake)
        self._inboxes.add(inbox)
        return inbox

    def unsubscribe(self, inbox: Inbox) -> None:
        """No more changes."""
        self._inboxes.discard(inbox)

    async def follow(self) -> None:
        """Read to the end, then follow, until cancelled. Raises LogError."""
        async with started(self._settings, consumer_options(self._settings), self._topic) as consumer:
            with translated(self._settings.bootstrap):
                places = list(consumer.assignment())
                for place in places:
                    if place.partition in self._positions:  # connected again
                        consumer.seek(place, self._positions[place.partition])
                ends = await consumer.end_offsets(places)
                while True:
                    for place in places:
                        self._positions[place.partition] = await consumer.position(place)
                    if all(self._positions[place.partition] >= ends[place] for place in places):
                        self.complete.set()
                    wait = _POLL_MS if self.complete.is_set() else _POLL_MS // 10
                    for messages in (await consumer.getmany(timeout_ms=wait)).values():
                        for message in messages:
                            record = decode(self._topic, message)
                            if not isinstance(record, Unreadable):
                                self._take(record)

    def _take(self, record: Record) -> None:
        if record.event is None and record.key not in self.records:
            return
        if record.event is None:
            self.records.pop(record.key, None)
        else:
            self.records[record.key] = record
        for inbox in self._inboxes:
            inbox.put(record)

"""Which partitions of the resources are this process's, and a claim on each.

`work` runs for each claim from the moment the partition arrives until it goes. A claim
that is lost, because its transactions were fenced or ended by the broker, is made anew
for as long as the partition is assigned. While it builds its state, and while
its evaluator is behind, its partition is paused; the others go on.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.abc import ConsumerRebalanceListener

from pipeline.events import Topic
from pipeline.kafka.broadcast import Broadcast
from pipeline.kafka.claim import FULL, LOW, Claim
from pipeline.kafka.consuming import member_options, started, staying
from pipeline.kafka.deadletters import DeadLetterShare
from pipeline.kafka.errors import LogAwayError, PartitionLostError, translated
from pipeline.kafka.topics import topic_name
from pipeline.service import first_error
from pipeline.settings import KafkaSettings

_log = logging.getLogger(__name__)

Work = Callable[[Claim], Awaitable[None]]

_POLL_MS = 200
_PAUSED_MS = 20
"""A partition that is paused goes on soon after its evaluator is through."""
_BATCH = 500
_OPENING = 30.0
"""Seconds in which a claim is made, or begun again: a client that asked while a broker came back may wait for
ever."""
_REST = 0.25
"""Share of the session that ending the open transactions may take, before the partitions go."""


class Assignment(ConsumerRebalanceListener):  # type: ignore[misc] # the base has no types
    """The claims of one process."""

    def __init__(self, settings: KafkaSettings, group: str, policies: Broadcast, work: Work) -> None:
        self._settings = settings
        self._group = group
        self._name = topic_name(settings, Topic.RESOURCES)
        self._policies = policies
        self._work = work
        self._share = DeadLetterShare(settings.deadletter_share)
        self._lanes: dict[int, asyncio.Task[None]] = {}
        self._claims: dict[int, Claim] = {}
        self._held: set[int] = set()
        self._ending = False
        self._started = False
        self._consumer: AIOKafkaConsumer
        self._tasks: asyncio.TaskGroup

    @property
    def lag(self) -> dict[tuple[Topic, int], int]:
        """How many offsets there are behind what was taken, of partitions that were fetched from."""
        places = self._consumer.assignment() if self._started else ()
        return {
            (Topic.RESOURCES, place.partition): max(end - claim.taken, 0)
            for place in places
            if (claim := self._claims.get(place.partition)) is not None
            and (end := self._consumer.last_stable_offset(place)) is not None
        }

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`; then what is open is committed. Raises LogError, and what `work` raises."""
        options = {**member_options(self._settings, self._group), **staying()}
        async with started(self._settings, options) as consumer:
            self._consumer, self._started = consumer, True
            async with asyncio.TaskGroup() as self._tasks:
                try:
                    consumer.subscribe([self._name], listener=self)
                    while not stop.is_set():
                        with translated(self._settings.bootstrap):
                            await self._poll()
                    await self._rest()
                finally:
                    self._ending = True
                    lanes = list(self._lanes.values())
                    self._lanes.clear()  # see `_lane`
                    for lane in lanes:
                        lane.cancel()

    async def _poll(self) -> None:
        """Fetch, and say which partitions to fetch from."""
        wait = _PAUSED_MS if self._consumer.paused() else _POLL_MS
        found = await self._consumer.getmany(timeout_ms=wait, max_records=_BATCH)
        for place, messages in found.items():
            claim = self._claims.get(place.partition)
            if claim is not None and claim.reads and messages[0].offset >= claim.position:
                claim.feed(messages)
        paused = self._consumer.paused()
        for place in self._consumer.assignment():
            claim = self._claims.get(place.partition)
            if claim is None or not claim.reads:
                continue
            if claim.backlog >= FULL and place not in paused:
                self._consumer.pause(place)
            elif claim.backlog <= LOW and place in paused:
                self._consumer.resume(place)

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """They may come back in a moment: end what is open, keep what is known."""
        del revoked
        self._held.clear()
        if not self._ending:
            await self._rest()

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Called before anything of them is fetched."""
        places = set(assigned)
        self._consumer.pause(*places)
        if self._ending:
            return
        self._held = {place.partition for place in places}
        for number in self._lanes.keys() - self._held:
            self._lanes.pop(number).cancel()
        for number in sorted(self._held):
            claim = self._claims.get(number)
            if number not in self._lanes:
                lane = self._tasks.create_task(self._lane(number), name=f"partition-{number}")
                self._lanes[number] = lane
            elif claim is not None and claim.begun:
                self._begin(claim)

    async def _rest(self) -> None:
        """Records of claims that do not make it in time are read again, by whoever has them then."""
        resting = [
            self._tasks.create_task(claim.rest(), name=f"rest-{claim.number}")
            for claim in self._claims.values()
            if claim.begun
        ]
        if resting:
            _, late = await asyncio.wait(resting, timeout=self._settings.session_timeout * _REST)
            for task in late:
                task.cancel()

    async def _lane(self, number: int) -> None:
        """One partition, as long as it is here."""
        lane = asyncio.current_task()
        while self._lanes.get(number) is lane:  # a task group that has an error forgets a cancellation
            try:
                await self._claimed_until_lost(number)
            except* (PartitionLostError, LogAwayError) as errors:
                _log.warning("partition %d begins again: %s", number, first_error(errors))
            await asyncio.sleep(self._settings.session_timeout / 4)  # a zombie learns by then that it is one

    async def _claimed_until_lost(self, number: int) -> None:
        """A cancellation that nobody asked for is the client's, and must not end the lane in silence."""
        try:
            await self._claimed(number)
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling() or self._ending:
                raise
            raise PartitionLostError(f"{self._name}/{number}: the client was stopped") from error

    async def _claimed(self, number: int) -> None:
        place = TopicPartition(self._name, number)
        count = len(self._consumer.partitions_for_topic(self._name) or ())
        claim = Claim(self._settings, self._group, place, count, self._policies, self._share, self._begin)
        self._claims[number] = claim
        try:
            async with asyncio.TaskGroup() as group:
                with translated(self._settings.bootstrap):
                    async with asyncio.timeout(_OPENING):
                        await claim.open()
                group.create_task(claim.keep_committing(), name=f"commit-{number}")
                await self._work(claim)
        finally:
            if self._claims.get(number) is claim:
                del self._claims[number]
            await claim.close()

    def _begin(self, claim: Claim) -> None:
        """A claim wants records: after its state was built, or after a rebalance."""
        if claim.number in self._held:
            self._tasks.create_task(self._resume(claim), name=f"resume-{claim.number}")

    async def _resume(self, claim: Claim) -> None:
        try:
            await claim.confirm()
        except PartitionLostError:
            return  # `receive` says so to its evaluator, and the lane begins again
        place = TopicPartition(self._name, claim.number)
        if claim.number in self._held and place in self._consumer.assignment():
            self._consumer.seek(place, claim.position)
            claim.reads = True
            self._consumer.resume(place)

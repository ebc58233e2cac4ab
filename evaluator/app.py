"""The evaluator: policies and resources from the bus, verdicts to the bus.

Batches of resources are evaluated concurrently and told in the order they came:
one task takes from the bus and asks, another waits for the answers, publishes and
acknowledges. A policy event waits until all before it is told, so that each
resource is judged by the policies that stood before it on the log; what it changes is
judged again in slices, between events (`sweeps`).

What policies want to know of images is asked before the engines are, several images at
once; what cannot be had is an `error`, and asked for again on a schedule.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby

from evaluator.asking import informed
from evaluator.batches import Batch, Item
from evaluator.evaluation import Finding, Inquiry, conclude, inquire
from evaluator.images.port import KnowsImages, NoImages
from evaluator.library import Library
from evaluator.policing import Policing
from evaluator.rego.memo import Memo
from evaluator.rego.questions import Rego
from evaluator.schedule import Schedule
from evaluator.state import State
from evaluator.sweeps import ALL, Sweeps, Turns
from evaluator.telling import Telling
from pipeline.bus import Consumer, Delivery, Publisher, Record
from pipeline.events import PolicyApplied, ResourceApplied, Topic, Withdrawal, carried, policy_key
from pipeline.settings import EvaluatorSettings
from pipeline.settings_types import UnmatchedImages

GROUP = "evaluator"
TOPICS = (Topic.POLICIES, Topic.RESOURCES)

_BATCH = 64
"""Records taken at once: enough to fill a pipe, few enough to interleave with policy changes."""

_IN_FLIGHT = 4
"""Batches being evaluated at once: each worker has the next one waiting."""

_TICK = 1.0
"""Seconds between looks at what is due by the clock."""

_NOTHING = Delivery((), {})
"""Acknowledged after a sweep's batch: what was published stands for itself."""


class Evaluator:
    """One evaluator with its state. `clock` gives the time of a verdict, once for each batch.

    Several of one process share `memo`, `library` and `turns`.
    """

    def __init__(
        self,
        settings: EvaluatorSettings,
        rego: Rego,
        state: State,
        clock: Callable[[], datetime],
        images: KnowsImages | None = None,
        *,
        memo: Memo | None = None,
        library: Library | None = None,
        turns: Turns | None = None,
    ) -> None:
        self._settings = settings
        self.memo = memo or Memo(rego)
        self._state = state
        self._clock = clock
        self._images = images or NoImages()
        self._schedule = Schedule(settings.retry_first, settings.retry_most, settings.recheck)
        """Policies by their keys."""
        self._sweeps = Sweeps()
        self._turns = turns or Turns(_IN_FLIGHT)
        self._slices = 0
        """Turns that are taken here."""
        library = library or Library(rego, settings)
        self._policing = Policing(library, state, self._schedule, self._sweeps, clock)
        self._telling = Telling(state, self._schedule)
        self._batches: asyncio.Queue[Batch | None] = asyncio.Queue(maxsize=_IN_FLIGHT)

    async def run(self, consumer: Consumer, publisher: Publisher) -> None:
        """Evaluate until the log ends; then seal the verdicts."""
        try:
            await self._run(consumer, publisher)
        finally:
            self._turns.give_back(self._slices)

    async def _run(self, consumer: Consumer, publisher: Publisher) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._tell_all(consumer, publisher), name="evaluator-tell")
            while (delivery := await self._next(consumer, group)).records:
                await self._take(delivery, publisher, group)
                await self._doubt(publisher)
            await self._batches.join()
            await self._doubt(publisher)
            while self._sweeps:
                if not await self._slice(group):
                    await self._turns.freed()
                await self._doubt(publisher)
            await self._batches.put(None)
        await publisher.seal(Topic.VERDICTS)

    async def catch_up(self, policies: Iterable[PolicyApplied], publisher: Publisher) -> None:
        """After a takeover, before `run`: put these policies in place, and judge all that is remembered.

        `policies`: all there are. Those that verdicts are of and that are not among them are gone.
        """
        present = {policy_key(applied.cluster, applied.name): applied for applied in policies}
        for key, applied in present.items():
            await self._policing.put(key, applied, publisher, {})
        for key in self._state.judging() - present.keys():
            await self._policing.withdraw(key, Withdrawal.POLICY_DELETED, publisher, {})
        self._sweeps.add(ALL, self._state.resource_keys())

    async def _next(self, consumer: Consumer, group: asyncio.TaskGroup) -> Delivery:
        """The next delivery; until it comes, and once before it, a slice of what is to be judged again."""
        receiving = group.create_task(consumer.receive(_BATCH), name="evaluator-receive")
        if self._sweeps:
            await self._slice(group)
        while not receiving.done():
            self._judge_again()
            if not self._sweeps:
                await asyncio.wait({receiving}, timeout=_TICK if self._state.goes_on else None)
            elif await self._slice(group):
                await asyncio.sleep(0)
            else:
                freed = group.create_task(self._turns.freed(), name="evaluator-turn")
                await asyncio.wait({receiving, freed}, return_when=asyncio.FIRST_COMPLETED)
                freed.cancel()
        return await receiving

    def _judge_again(self) -> None:
        """Begin the sweeps that are due."""
        self._policing.look_at_waivers(self._clock())
        for due in self._schedule.due(asyncio.get_running_loop().time()):
            if due.policy not in self._state.policies:
                self._schedule.drop_policy(due.policy)
            elif due.keys is None:
                self._policing.sweep(due.policy, {})
            else:
                for gone in due.keys - set(self._state.resource_keys()):
                    self._schedule.worked(due.policy, gone)
                self._sweeps.add_some(due.policy, sorted(due.keys))

    async def _take(self, delivery: Delivery, publisher: Publisher, group: asyncio.TaskGroup) -> None:
        """Start what a delivery asks for. Only its last batch acknowledges it."""
        runs = list(_runs(delivery.records))
        for number, (topic, records) in enumerate(runs):
            last = delivery if number == len(runs) - 1 else None
            if topic is Topic.RESOURCES:
                await self._put(group, [self._item(record) for record in records], last)
                continue
            await self._batches.join()
            for record in records:
                await self._policing.take(record, publisher)
            await self._put(group, [], last)

    async def _doubt(self, publisher: Publisher) -> None:
        """Say whose read set was found to be wrong, and judge again what was judged by it."""
        if not self.memo.distrusted:
            return
        for key in self._policing.to_doubt(self.memo.distrusted):
            await self._policing.doubt(key, publisher)
            await self._batches.join()
            self._policing.sweep(key, {})

    async def _put(
        self,
        group: asyncio.TaskGroup,
        items: Sequence[Item],
        delivery: Delivery | None,
        swept: str | None = None,
    ) -> None:
        task = group.create_task(self._ask(items), name="evaluator-ask")
        await self._batches.put(Batch(items, task, delivery, swept))

    async def _slice(self, group: asyncio.TaskGroup) -> bool:
        """Ask about the next resources of a sweep, as they are remembered now; False: not our turn."""
        if not self._turns.take():
            return False
        self._slices += 1
        policy, keys = self._sweeps.slice(_BATCH)
        items: list[Item] = []
        for key in keys:
            if body := self._state.body(key):
                applied = self._state.read(body)
                inquiry = self._inquire(applied, policy)
                items.append(Item(key, applied, inquiry, self._policing.handed_on(policy), body))
        if items:
            await self._put(group, items, None, policy)
        else:
            self._end_slice()
        return True

    def _end_slice(self) -> None:
        self._slices -= 1
        self._turns.give_back()

    def _inquire(self, applied: ResourceApplied, policy: str) -> Inquiry:
        """What to ask about a resource: under one policy, or under all."""
        if policy != ALL:
            return inquire(applied, [self._state.policies[policy]], UnmatchedImages.IGNORE)
        unmatched = UnmatchedImages.IGNORE if self._state.judges_by_some else self._settings.unmatched_images
        return inquire(applied, self._state.policies_of(applied.cluster), unmatched)

    def _item(self, record: Record) -> Item:
        applied = record.event.data if record.event else None
        if not isinstance(applied, ResourceApplied):
            return Item(record.key, None)
        handed_on = carried(record.event) if record.event else {}
        return Item(record.key, applied, self._inquire(applied, ALL), handed_on)

    async def _ask(self, items: Sequence[Item]) -> list[list[Finding]]:
        """Findings of each item, in order. One call for the batch: it goes to one worker."""
        inquiries = await self._with_images(items)
        queries = [query for inquiry in inquiries if inquiry for query in inquiry.queries]
        answers = iter(await self.memo.evaluate(queries) if queries else [])
        return [
            conclude(inquiry, [next(answers) for _ in inquiry.queries]) if inquiry else []
            for inquiry in inquiries
        ]

    async def _with_images(self, items: Sequence[Item]) -> list[Inquiry | None]:
        """Inquiries that need to know no more of images. All that the batch needs is asked for at once."""
        if not any(item.inquiry and item.inquiry.wants for item in items):
            return [item.inquiry for item in items]
        return list(await asyncio.gather(*map(self._informed, items)))

    async def _informed(self, item: Item) -> Inquiry | None:
        if item.inquiry is None or item.applied is None:
            return item.inquiry
        return await informed(item.inquiry, item.applied, self._images, self.memo.engines)

    async def _tell_all(self, consumer: Consumer, publisher: Publisher) -> None:
        """Publish what batches give, in the order they were taken."""
        while (batch := await self._batches.get()) is not None:
            findings = await batch.findings
            now, uptime = self._clock(), asyncio.get_running_loop().time()
            records = [
                record
                for item, found in zip(batch.items, findings, strict=True)
                for record in self._telling.records(item, found, batch.swept, now, uptime)
            ]
            await publisher.publish(records)
            await consumer.acknowledge(batch.delivery or _NOTHING)
            if batch.swept is not None:
                self._end_slice()
            self._batches.task_done()


def _runs(records: Sequence[Record]) -> Iterator[tuple[Topic, list[Record]]]:
    """Neighbours of one topic together."""
    for topic, run in groupby(records, key=lambda record: record.topic):
        yield topic, list(run)

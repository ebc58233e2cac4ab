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
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby

import msgspec
from msgspec.structs import replace

from evaluator.asking import informed
from evaluator.evaluation import Finding, Inquiry, conclude, inquire
from evaluator.images.port import KnowsImages, NoImages
from evaluator.library import Library
from evaluator.rego.memo import DIFFERS, Memo
from evaluator.rego.questions import Rego
from evaluator.schedule import Schedule
from evaluator.state import LastVerdict, State
from evaluator.sweeps import ALL, Sweeps
from evaluator.verdicts import key_of, tell, withdraw
from pipeline.bus import Consumer, Delivery, Publisher, Record
from pipeline.events import (
    Event,
    EventType,
    PolicyApplied,
    PolicyChecked,
    ResourceApplied,
    Topic,
    Withdrawal,
    carried,
    policy_key,
    policy_name,
    resource_key,
    source_of,
)
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


@dataclass(frozen=True, slots=True)
class _Item:
    """A resource event with what there is to conclude from it. `applied` None: it is gone."""

    key: str
    applied: ResourceApplied | None
    inquiry: Inquiry | None = None
    handed_on: Mapping[str, str] = field(default_factory=dict)
    """Extension attributes of the event that asks for this, for those it causes."""
    body: bytes | None = None
    """Of a sweep: how the resource was remembered when it was asked about."""


@dataclass(frozen=True, slots=True)
class _Batch:
    """Items with their answers to come. `swept`: the policy's key, or ALL, where a sweep asks."""

    items: Sequence[_Item]
    findings: "asyncio.Task[list[list[Finding]]]"
    delivery: Delivery | None = None
    swept: str | None = None


class Evaluator:
    """One evaluator with its state. `clock` gives the time of a verdict, once for each batch.

    Several of one process share `memo` and `library`.
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
    ) -> None:
        self._settings = settings
        self.memo = memo or Memo(rego)
        self._library = library or Library(rego, settings)
        self._state = state
        self._clock = clock
        self._images = images or NoImages()
        self._schedule = Schedule(settings.retry_first, settings.retry_most, settings.recheck)
        """Policies by their keys."""
        self._sweeps = Sweeps()
        self._handed_on: dict[str, Mapping[str, str]] = {}
        """Of the event that began a sweep, by the policy's key."""
        self._checked: dict[str, PolicyChecked] = {}
        self._batches: asyncio.Queue[_Batch | None] = asyncio.Queue(maxsize=_IN_FLIGHT)

    async def run(self, consumer: Consumer, publisher: Publisher) -> None:
        """Evaluate until the log ends; then seal the verdicts."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._tell_all(consumer, publisher), name="evaluator-tell")
            while (delivery := await self._next(consumer, group)).records:
                await self._take(delivery, publisher, group)
                await self._doubt(publisher)
            await self._batches.join()
            await self._doubt(publisher)
            while self._sweeps:
                await self._slice(group)
                await self._doubt(publisher)
            await self._batches.put(None)
        await publisher.seal(Topic.VERDICTS)

    async def catch_up(self, policies: Iterable[PolicyApplied], publisher: Publisher) -> None:
        """After a takeover, before `run`: put these policies in place, and judge all that is remembered.

        `policies`: all there are. Those that verdicts are of and that are not among them are gone.
        """
        present = {policy_key(applied.cluster, applied.name): applied for applied in policies}
        for key, applied in present.items():
            await self._put_policy(key, applied, publisher, {})
        for key in self._state.judging() - present.keys():
            await self._withdraw_policy(key, Withdrawal.POLICY_DELETED, publisher, {})
        self._sweeps.add(ALL, self._state.resource_keys())

    async def _next(self, consumer: Consumer, group: asyncio.TaskGroup) -> Delivery:
        """The next delivery; until it comes, and once before it, a slice of what is to be judged again."""
        receiving = group.create_task(consumer.receive(_BATCH), name="evaluator-receive")
        if self._sweeps:
            await self._slice(group)
        while not receiving.done():
            self._judge_again()
            if self._sweeps:
                await self._slice(group)
                await asyncio.sleep(0)
            else:
                await asyncio.wait({receiving}, timeout=_TICK if self._state.goes_on else None)
        return await receiving

    def _judge_again(self) -> None:
        """Begin the sweeps that are due."""
        for due in self._schedule.due(asyncio.get_running_loop().time()):
            if due.policy not in self._state.policies:
                self._schedule.drop_policy(due.policy)
            elif due.keys is None:
                self._sweep(due.policy, {})
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
                await self._policy_event(record, publisher)
            await self._put(group, [], last)

    async def _doubt(self, publisher: Publisher) -> None:
        """Say whose read set was found to be wrong, and judge again what was judged by it."""
        if not self.memo.distrusted:
            return
        for key, loaded in self._state.policies.items():
            checked = self._checked[key]
            if loaded.module and loaded.module.ref in self.memo.distrusted and checked.memo != DIFFERS:
                self._checked[key] = replace(checked, memo=DIFFERS)
                await publisher.publish([_checked_record(self._checked[key], self._clock())])
                await self._batches.join()
                self._sweep(key, {})

    async def _put(
        self,
        group: asyncio.TaskGroup,
        items: Sequence[_Item],
        delivery: Delivery | None,
        swept: str | None = None,
    ) -> None:
        task = group.create_task(self._ask(items), name="evaluator-ask")
        await self._batches.put(_Batch(items, task, delivery, swept))

    def _sweep(self, key: str, handed_on: Mapping[str, str]) -> None:
        self._handed_on[key] = handed_on
        start = resource_key(key.partition("/")[0], "")
        self._sweeps.add(key, [each for each in self._state.resource_keys() if each.startswith(start)])

    async def _slice(self, group: asyncio.TaskGroup) -> None:
        """Ask about the next resources of a sweep, as they are remembered now."""
        policy, keys = self._sweeps.slice(_BATCH)
        items: list[_Item] = []
        for key in keys:
            if body := self._state.body(key):
                applied = self._state.read(body)
                inquiry = self._inquire(applied, policy)
                items.append(_Item(key, applied, inquiry, self._handed_on.get(policy, {}), body))
        if items:
            await self._put(group, items, None, policy)

    def _inquire(self, applied: ResourceApplied, policy: str) -> Inquiry:
        """What to ask about a resource: under one policy, or under all."""
        if policy != ALL:
            return inquire(applied, [self._state.policies[policy]], UnmatchedImages.IGNORE)
        return inquire(applied, self._state.policies_of(applied.cluster), self._settings.unmatched_images)

    def _item(self, record: Record) -> _Item:
        applied = record.event.data if record.event else None
        if not isinstance(applied, ResourceApplied):
            return _Item(record.key, None)
        handed_on = carried(record.event) if record.event else {}
        return _Item(record.key, applied, self._inquire(applied, ALL), handed_on)

    async def _ask(self, items: Sequence[_Item]) -> list[list[Finding]]:
        """Findings of each item, in order. One call for the batch: it goes to one worker."""
        inquiries = await self._with_images(items)
        queries = [query for inquiry in inquiries if inquiry for query in inquiry.queries]
        answers = iter(await self.memo.evaluate(queries) if queries else [])
        return [
            conclude(inquiry, [next(answers) for _ in inquiry.queries]) if inquiry else []
            for inquiry in inquiries
        ]

    async def _with_images(self, items: Sequence[_Item]) -> list[Inquiry | None]:
        """Inquiries that need to know no more of images. All that the batch needs is asked for at once."""
        if not any(item.inquiry and item.inquiry.wants for item in items):
            return [item.inquiry for item in items]
        return list(await asyncio.gather(*map(self._informed, items)))

    async def _informed(self, item: _Item) -> Inquiry | None:
        if item.inquiry is None or item.applied is None:
            return item.inquiry
        return await informed(item.inquiry, item.applied, self._images)

    async def _tell_all(self, consumer: Consumer, publisher: Publisher) -> None:
        """Publish what batches give, in the order they were taken."""
        while (batch := await self._batches.get()) is not None:
            findings = await batch.findings
            now = self._clock()
            records = [
                record
                for item, found in zip(batch.items, findings, strict=True)
                for record in self._tell(item, found, batch.swept, now)
            ]
            await publisher.publish(records)
            await consumer.acknowledge(batch.delivery or _NOTHING)
            self._batches.task_done()

    def _tell(
        self, item: _Item, findings: Sequence[Finding], swept: str | None, now: datetime
    ) -> Iterator[Record]:
        state = self._state
        if item.applied is None:
            state.drop_resource(item.key)
            gone = state.verdicts_of(item.key)
            yield from withdraw(state, item.key, gone, Withdrawal.RESOURCE_DELETED, now)
            return
        if swept is None:
            state.put_resource(item.key, item.applied)
        elif state.body(item.key) is not item.body:
            return  # an event was handled meanwhile, by the policies there are now
        yield from tell(state, item.key, item.applied, findings, now, item.handed_on)
        self._remember_failures(item, findings, swept)
        still = {key_of(item.applied, finding) for finding in findings}
        for key, last in state.verdicts_of(item.key):
            if key not in still and self._is_over(last, swept):
                reason = self._reason(last, swept)
                yield from withdraw(state, item.key, [(key, last)], reason, now, item.handed_on)

    def _remember_failures(self, item: _Item, findings: Sequence[Finding], swept: str | None) -> None:
        """What to ask for again: one entry for a policy and a resource, whichever image it was."""
        if not self._state.goes_on or item.applied is None:
            return
        now = asyncio.get_running_loop().time()
        of_images = [finding for finding in findings if finding.image is not None]
        if swept and not of_images:
            self._schedule.worked(swept, item.key)  # the policy says nothing of it any more
        for name, group in groupby(of_images, key=lambda finding: finding.policy.name):
            policy = policy_key(item.applied.cluster, name)
            waits = [finding.retry_after for finding in group if finding.retry_after is not None]
            if waits:
                self._schedule.failed(policy, item.key, now, max(waits))
            else:
                self._schedule.worked(policy, item.key)

    def _is_over(self, last: LastVerdict, swept: str | None) -> bool:
        """Whether a verdict ends when its policy says nothing of the resource."""
        if swept in (None, ALL):
            return self._state.is_over(last.policy.name)
        return swept == policy_key(last.cluster, last.policy.name)

    def _reason(self, last: LastVerdict, swept: str | None) -> Withdrawal:
        """After a takeover: a policy of another version than the verdict's has changed meanwhile."""
        if swept is None:
            return Withdrawal.OUT_OF_SCOPE
        now = self._state.policies.get(policy_key(last.cluster, last.policy.name))
        if swept == ALL and (now is None or now.policy.ref.digest == last.policy.digest):
            return Withdrawal.OUT_OF_SCOPE
        return Withdrawal.POLICY_CHANGED

    async def _policy_event(self, record: Record, publisher: Publisher) -> None:
        """Load or drop a policy, and judge every resource remembered by it."""
        key = record.key
        applied = record.event.data if record.event else None
        self._state.heard_of(policy_name(key))
        handed_on = carried(record.event) if record.event else {}
        if isinstance(applied, PolicyApplied):
            if await self._put_policy(key, applied, publisher, handed_on):
                self._sweep(key, handed_on)
            return
        self._checked.pop(key, None)
        self._library.forget(key)
        await self._withdraw_policy(key, Withdrawal.POLICY_DELETED, publisher, handed_on)

    async def _put_policy(
        self, key: str, applied: PolicyApplied, publisher: Publisher, handed_on: Mapping[str, str]
    ) -> bool:
        """Load a policy and say what became of it. False where it is not valid: its verdicts are over."""
        loaded, checked = await self._library.load(applied)
        self._checked[key] = checked
        await publisher.publish([_checked_record(checked, self._clock())])
        if loaded is None:
            await self._withdraw_policy(key, Withdrawal.POLICY_CHANGED, publisher, handed_on)
            return False
        self._state.put_policy(key, loaded)
        self._schedule.drop_policy(key)
        if loaded.changes_by_itself:
            self._schedule.repeat(key, asyncio.get_running_loop().time())
        return True

    async def _withdraw_policy(
        self, key: str, reason: Withdrawal, publisher: Publisher, handed_on: Mapping[str, str]
    ) -> None:
        self._state.drop_policy(key)
        self._sweeps.drop(key)
        self._schedule.drop_policy(key)
        now = self._clock()
        for resource in self._state.resources_under(key):
            gone = [
                entry
                for entry in self._state.verdicts_of(resource)
                if policy_key(entry[1].cluster, entry[1].policy.name) == key
            ]
            await publisher.publish(list(withdraw(self._state, resource, gone, reason, now, handed_on)))


def _runs(records: Sequence[Record]) -> Iterator[tuple[Topic, list[Record]]]:
    """Neighbours of one topic together."""
    for topic, run in groupby(records, key=lambda record: record.topic):
        yield topic, list(run)


def _checked_record(checked: PolicyChecked, now: datetime) -> Record:
    """What became of a policy, on the verdicts topic. The id is that of the policy's version."""
    key = policy_key(checked.cluster, checked.policy.name)
    body = msgspec.json.encode(checked, order="sorted")
    event = Event(
        type=EventType.POLICY_CHECKED,
        source=source_of(checked.cluster),
        id=hashlib.sha256(key.encode() + body).hexdigest()[:32],
        time=now,
        subject=f"ClusterImagePolicy/{checked.policy.name}",
        key=key,
        data=checked,
        extensions={"cluster": checked.cluster, "policy": checked.policy.name},
    )
    return Record(Topic.VERDICTS, key, event)

"""The evaluator: policies and resources from the bus, verdicts to the bus.

Batches of resources are evaluated concurrently and told in the order they came:
one task takes from the bus and asks, another waits for the answers, publishes and
acknowledges. A policy event waits until all before it is told, so that each
resource is judged by the policies that stood before it on the log.

What policies want to know of images is asked before the engines are, several images at
once; what cannot be had is an `error`, and asked for again on a schedule.
"""

import asyncio
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby, islice

import msgspec
from msgspec.structs import replace

from evaluator.evaluation import Finding, Inquiry, complete, conclude, inquire
from evaluator.images.port import FindsConfigs, NoConfigs
from evaluator.loading import LoadedPolicy, load
from evaluator.policies.configs import Found, Wanted
from evaluator.rego.memo import DIFFERS, Memo
from evaluator.rego.questions import Rego
from evaluator.schedule import Schedule
from evaluator.state import State
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


@dataclass(frozen=True, slots=True)
class _Item:
    """A resource event with what there is to conclude from it. `applied` None: it is gone."""

    key: str
    applied: ResourceApplied | None
    inquiry: Inquiry | None = None
    handed_on: Mapping[str, str] = field(default_factory=dict)
    """Extension attributes of the event that asks for this, for those it causes."""


@dataclass(frozen=True, slots=True)
class _Batch:
    """Items with their answers to come. `only` names the one policy a re-evaluation is for."""

    items: Sequence[_Item]
    findings: "asyncio.Task[list[list[Finding]]]"
    delivery: Delivery | None = None
    only: str = ""


class Evaluator:
    """One evaluator with its state. `clock` gives the time of a verdict, once for each batch."""

    def __init__(
        self,
        settings: EvaluatorSettings,
        rego: Rego,
        state: State,
        clock: Callable[[], datetime],
        images: FindsConfigs | None = None,
    ) -> None:
        self._settings = settings
        self._rego = rego
        self.memo = Memo(rego)
        self._state = state
        self._clock = clock
        self._images = images or NoConfigs()
        self._schedule = Schedule(settings.retry_first, settings.retry_most, settings.recheck)
        self._checked: dict[str, PolicyChecked] = {}
        self._batches: asyncio.Queue[_Batch | None] = asyncio.Queue(maxsize=_IN_FLIGHT)

    async def run(self, consumer: Consumer, publisher: Publisher) -> None:
        """Evaluate until the log ends; then seal the verdicts."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._tell_all(consumer, publisher), name="evaluator-tell")
            while (delivery := await self._receive(consumer, group)).records:
                await self._take(delivery, publisher, group)
                await self._doubt(publisher, group)
            await self._batches.join()
            await self._doubt(publisher, group)
            await self._batches.put(None)
        await publisher.seal(Topic.VERDICTS)

    async def _receive(self, consumer: Consumer, group: asyncio.TaskGroup) -> Delivery:
        """The next records; until they come, judge again what is due."""
        if not self._state.goes_on:
            return await consumer.receive(_BATCH)
        while True:
            await self._judge_again(group)
            try:
                async with asyncio.timeout(_TICK):
                    return await consumer.receive(_BATCH)
            except TimeoutError:
                continue

    async def _judge_again(self, group: asyncio.TaskGroup) -> None:
        for due in self._schedule.due(asyncio.get_running_loop().time()):
            loaded = self._state.policies.get(due.policy)
            if loaded is None:
                self._schedule.drop_policy(due.policy)
                continue
            await self._batches.join()  # nothing older than what is remembered is on its way
            if due.keys is None:
                await self._put_all(group, loaded, self._state.resources(), {})
                continue
            resources = dict(self._state.some_resources(due.keys))
            for gone in due.keys - resources.keys():
                self._schedule.worked(due.policy, gone)
            await self._put_all(group, loaded, iter(resources.items()), {})

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
                await self._policy_event(record, publisher, group)
            await self._put(group, [], last)

    async def _doubt(self, publisher: Publisher, group: asyncio.TaskGroup) -> None:
        """Say whose read set was found to be wrong, and judge again what was judged by it."""
        if not self.memo.distrusted:
            return
        for name, loaded in list(self._state.policies.items()):
            checked = self._checked[name]
            if loaded.module and loaded.module.ref in self.memo.distrusted and checked.memo != DIFFERS:
                self._checked[name] = replace(checked, memo=DIFFERS)
                await publisher.publish([_checked_record(self._checked[name], self._clock())])
                await self._batches.join()
                await self._replace(name, loaded, group, {})

    async def _put(
        self, group: asyncio.TaskGroup, items: Sequence[_Item], delivery: Delivery | None, only: str = ""
    ) -> None:
        task = group.create_task(self._ask(items), name="evaluator-ask")
        await self._batches.put(_Batch(items, task, delivery, only))

    def _item(self, record: Record) -> _Item:
        applied = record.event.data if record.event else None
        if not isinstance(applied, ResourceApplied):
            return _Item(record.key, None)
        handed_on = carried(record.event) if record.event else {}
        policies = self._state.policies.values()
        inquiry = inquire(applied, policies, self._settings.unmatched_images)
        return _Item(record.key, applied, inquiry, handed_on)

    async def _ask(self, items: Sequence[_Item]) -> list[list[Finding]]:
        """Findings of each item, in order. One call for the batch: it goes to one worker."""
        inquiries = await self._with_configs(items)
        queries = [query for inquiry in inquiries if inquiry for query in inquiry.queries]
        answers = iter(await self.memo.evaluate(queries) if queries else [])
        return [
            conclude(inquiry, [next(answers) for _ in inquiry.queries]) if inquiry else []
            for inquiry in inquiries
        ]

    async def _with_configs(self, items: Sequence[_Item]) -> list[Inquiry | None]:
        """Inquiries that need no config any more. All that the batch needs is asked for at once."""
        asked = [
            (number, wanted, item.applied)
            for number, item in enumerate(items)
            if item.inquiry and item.applied
            for wanted in item.inquiry.wanted
        ]
        if not asked:
            return [item.inquiry for item in items]
        answers = await asyncio.gather(*(self._images.find(wanted, applied) for _, wanted, applied in asked))
        found: dict[int, dict[Wanted, Found]] = {}
        for (number, wanted, _), answer in zip(asked, answers, strict=True):
            found.setdefault(number, {})[wanted] = answer
        return [
            complete(item.inquiry, found[number]) if item.inquiry and number in found else item.inquiry
            for number, item in enumerate(items)
        ]

    async def _tell_all(self, consumer: Consumer, publisher: Publisher) -> None:
        """Publish what batches give, in the order they were taken."""
        while (batch := await self._batches.get()) is not None:
            findings = await batch.findings
            now = self._clock()
            records = [
                record
                for item, found in zip(batch.items, findings, strict=True)
                for record in self._tell(item, found, batch.only, now)
            ]
            await publisher.publish(records)
            if batch.delivery is not None:
                await consumer.acknowledge(batch.delivery)
            self._batches.task_done()

    def _tell(self, item: _Item, findings: Sequence[Finding], only: str, now: datetime) -> Iterator[Record]:
        state = self._state
        if item.applied is None:
            state.drop_resource(item.key)
            gone = state.verdicts_of(item.key)
            yield from withdraw(state, item.key, gone, Withdrawal.RESOURCE_DELETED, now)
            return
        state.put_resource(item.key, item.applied)
        yield from tell(state, item.key, item.applied, findings, now, item.handed_on)
        self._remember_failures(item.key, findings, only)
        still = {key_of(item.applied, finding) for finding in findings}
        left = [
            (key, last)
            for key, last in state.verdicts_of(item.key)
            if key not in still
            and (only == last.policy.name or (not only and state.is_over(last.policy.name)))
        ]
        reason = Withdrawal.POLICY_CHANGED if only else Withdrawal.OUT_OF_SCOPE
        yield from withdraw(state, item.key, left, reason, now, item.handed_on)

    def _remember_failures(self, key: str, findings: Sequence[Finding], only: str) -> None:
        """What to ask for again: one entry for a policy and a resource, whichever image it was."""
        if not self._state.goes_on:
            return
        now = asyncio.get_running_loop().time()
        of_images = [finding for finding in findings if finding.image is not None]
        if only and not of_images:
            self._schedule.worked(only, key)  # the policy says nothing of it any more
        for name, group in groupby(of_images, key=lambda finding: finding.policy.name):
            waits = [finding.retry_after for finding in group if finding.retry_after is not None]
            if waits:
                self._schedule.failed(name, key, now, max(waits))
            else:
                self._schedule.worked(name, key)

    async def _policy_event(self, record: Record, publisher: Publisher, group: asyncio.TaskGroup) -> None:
        """Load or drop a policy, and judge every resource remembered by it."""
        name = policy_name(record.key)
        applied = record.event.data if record.event else None
        self._state.heard_of(name)
        handed_on = carried(record.event) if record.event else {}
        if isinstance(applied, PolicyApplied):
            loaded, checked = await load(applied, self._rego, self._settings.engine)
            self._checked[name] = checked
            await publisher.publish([_checked_record(checked, self._clock())])
            if loaded is not None:
                await self._replace(name, loaded, group, handed_on)
                return
            reason = Withdrawal.POLICY_CHANGED
        else:
            reason = Withdrawal.POLICY_DELETED
            self._checked.pop(name, None)
        self._state.policies.pop(name, None)
        now = self._clock()
        for key in self._state.resources_under(name):
            gone = [entry for entry in self._state.verdicts_of(key) if entry[1].policy.name == name]
            await publisher.publish(list(withdraw(self._state, key, gone, reason, now, handed_on)))

    async def _replace(
        self, name: str, loaded: LoadedPolicy, group: asyncio.TaskGroup, handed_on: Mapping[str, str]
    ) -> None:
        """Put a policy in place and evaluate it, and it alone, on every resource remembered."""
        self._state.policies[name] = loaded
        self._schedule.drop_policy(name)
        if loaded.changes_by_itself:
            self._schedule.repeat(name, asyncio.get_running_loop().time())
        await self._put_all(group, loaded, self._state.resources(), handed_on)
        await self._batches.join()

    async def _put_all(
        self,
        group: asyncio.TaskGroup,
        loaded: LoadedPolicy,
        resources: Iterator[tuple[str, ResourceApplied]],
        handed_on: Mapping[str, str],
    ) -> None:
        """Start evaluating one policy on some resources."""
        while batch := list(islice(resources, _BATCH)):
            items = [
                _Item(key, applied, inquire(applied, [loaded], UnmatchedImages.IGNORE), handed_on)
                for key, applied in batch
            ]
            await self._put(group, items, None, only=loaded.policy.ref.name)


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

"""The policies and waivers of an evaluator: put in place, taken away, and what is said of each.

What a change of them asks to be judged again is begun here (`sweep`), and done by the evaluator.
"""

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime

import msgspec
from msgspec.structs import replace

from evaluator.endings import Ending
from evaluator.library import Library
from evaluator.rego.memo import DIFFERS
from evaluator.schedule import Schedule
from evaluator.state import State
from evaluator.sweeps import Sweeps
from evaluator.verdicts import withdraw
from pipeline.bus import Publisher, Record
from pipeline.events import (
    Event,
    EventType,
    PolicyApplied,
    PolicyChecked,
    Topic,
    Withdrawal,
    carried,
    policy_key,
    policy_name,
    resource_key,
    source_of,
)
from pipeline.waivers import WaiverApplied, is_waiver_key


class Policing:
    """Works on the evaluator's `state`, `schedule` and `sweeps`. `clock`: the time of what is told."""

    def __init__(
        self,
        library: Library,
        state: State,
        schedule: Schedule,
        sweeps: Sweeps,
        clock: Callable[[], datetime],
    ) -> None:
        self._library = library
        self._state = state
        self._schedule = schedule
        self._sweeps = sweeps
        self._clock = clock
        self._checked: dict[str, PolicyChecked] = {}
        self._handed_on: dict[str, Mapping[str, str]] = {}
        """Of the event that began a sweep, by the policy's key."""

    def handed_on(self, key: str) -> Mapping[str, str]:
        """Extension attributes for the events that the sweep of a policy causes."""
        return self._handed_on.get(key, {})

    def sweep(self, key: str, handed_on: Mapping[str, str]) -> None:
        """Begin to judge every resource remembered by a policy."""
        self._handed_on[key] = handed_on
        start = resource_key(key.partition("/")[0], "")
        self._sweeps.add(key, [each for each in self._state.resource_keys() if each.startswith(start)])

    async def take(self, record: Record, publisher: Publisher) -> None:
        """Load or drop a policy, and judge every resource remembered by it; of a waiver, see below."""
        key = record.key
        if is_waiver_key(key):
            self._take_waiver(record)
            return
        applied = record.event.data if record.event else None
        self._state.heard_of(policy_name(key))
        handed_on = carried(record.event) if record.event else {}
        if isinstance(applied, PolicyApplied):
            if await self.put(key, applied, publisher, handed_on):
                self.sweep(key, handed_on)
            return
        self._checked.pop(key, None)
        self._library.forget(key)
        await self.withdraw(key, Withdrawal.POLICY_DELETED, publisher, handed_on)

    def _take_waiver(self, record: Record) -> None:
        """Put a waiver in place, or drop it, and judge again what it may decide about."""
        applied = record.event.data if record.event else None
        waiver = applied if isinstance(applied, WaiverApplied) else None
        self._state.put_waiver(record.key, waiver)
        self._sweep_under(record.key, waiver, carried(record.event) if record.event else {})

    def look_at_waivers(self, now: datetime) -> None:
        """Judge again what the waivers covered that have expired since the last look."""
        for key in self._state.waivers.ended(now):
            self._sweep_under(key, None, {})

    def _sweep_under(self, key: str, waiver: WaiverApplied | None, handed_on: Mapping[str, str]) -> None:
        for policy, resources in self._state.under_waiver(waiver, key).items():
            self._handed_on[policy] = handed_on
            self._sweeps.add_some(policy, list(dict.fromkeys(resources)))

    async def put(
        self, key: str, applied: PolicyApplied, publisher: Publisher, handed_on: Mapping[str, str]
    ) -> bool:
        """Load a policy and say what became of it. False where it is not valid: its verdicts are over."""
        loaded, checked = await self._library.load(applied)
        self._checked[key] = checked
        await publisher.publish([_checked_record(checked, self._clock())])
        if loaded is None:
            await self.withdraw(key, Withdrawal.POLICY_CHANGED, publisher, handed_on)
            return False
        self._state.put_policy(key, loaded)
        self._schedule.drop_policy(key)
        if loaded.changes_by_itself:
            self._schedule.repeat(key, asyncio.get_running_loop().time())
        return True

    async def withdraw(
        self, key: str, reason: Withdrawal, publisher: Publisher, handed_on: Mapping[str, str]
    ) -> None:
        """A policy is gone: so are its verdicts."""
        self._state.drop_policy(key)
        self._sweeps.drop(key)
        self._schedule.drop_policy(key)
        now, over = self._clock(), Ending(reason)
        for resource in self._state.resources_under(key):
            gone = [
                entry
                for entry in self._state.verdicts_of(resource)
                if policy_key(entry[1].cluster, entry[1].policy.name) == key
            ]
            await publisher.publish(list(withdraw(self._state, resource, gone, over, now, handed_on)))

    def to_doubt(self, distrusted: set[int]) -> list[str]:
        """Keys of the policies whose read set was found to be wrong (modules by ref), and not said yet."""
        return [
            key
            for key, loaded in self._state.policies.items()
            if loaded.module and loaded.module.ref in distrusted and self._checked[key].memo != DIFFERS
        ]

    async def doubt(self, key: str, publisher: Publisher) -> None:
        """Say of a policy that its answers are not remembered any more."""
        self._checked[key] = replace(self._checked[key], memo=DIFFERS)
        await publisher.publish([_checked_record(self._checked[key], self._clock())])


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

"""From the findings of a resource to the records that say what is news, and what is over.

Nothing here waits: the records of a batch are made in the order in which its resources came.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import groupby

from evaluator.batches import Item
from evaluator.endings import Ending, ending
from evaluator.evaluation import Finding
from evaluator.last_verdicts import LastVerdict
from evaluator.schedule import Schedule
from evaluator.state import State
from evaluator.sweeps import ALL
from evaluator.verdicts import key_of, tell, withdraw
from pipeline.bus import Record
from pipeline.events import Withdrawal, policy_key


class Telling:
    """Keeps `state` and `schedule` up to date with what is told."""

    def __init__(self, state: State, schedule: Schedule) -> None:
        self._state = state
        self._schedule = schedule

    def records(
        self, item: Item, findings: Sequence[Finding], swept: str | None, now: datetime, uptime: float
    ) -> Iterator[Record]:
        """What to publish about one resource. `uptime`: seconds, by the clock of the schedule."""
        state = self._state
        if item.applied is None:
            state.drop_resource(item.key)
            gone = state.verdicts_of(item.key)
            yield from withdraw(state, item.key, gone, Ending(Withdrawal.RESOURCE_DELETED), now)
            return
        if swept is None:
            state.put_resource(item.key, item.applied)
        elif state.body(item.key) is not item.body:
            return  # an event was handled meanwhile, by the policies there are now
        yield from tell(state, item.key, item.applied, findings, now, item.handed_on)
        self._remember_failures(item, findings, swept, uptime)
        still = {key_of(item.applied, finding) for finding in findings}
        for key, last in state.verdicts_of(item.key):
            if key not in still and self._is_over(last, swept):
                policy = state.policies.get(policy_key(last.cluster, last.policy.name))
                over = ending(last, policy, findings)
                yield from withdraw(state, item.key, [(key, last)], over, now, item.handed_on)

    def _remember_failures(
        self, item: Item, findings: Sequence[Finding], swept: str | None, uptime: float
    ) -> None:
        """What to ask for again: one entry for a policy and a resource, whichever image it was."""
        if not self._state.goes_on or item.applied is None:
            return
        of_images = [finding for finding in findings if finding.image is not None]
        if swept and not of_images:
            self._schedule.worked(swept, item.key)  # the policy says nothing of it any more
        for name, group in groupby(of_images, key=lambda finding: finding.policy.name):
            policy = policy_key(item.applied.cluster, name)
            waits = [finding.retry_after for finding in group if finding.retry_after is not None]
            if waits:
                self._schedule.failed(policy, item.key, uptime, max(waits))
            else:
                self._schedule.worked(policy, item.key)

    def _is_over(self, last: LastVerdict, swept: str | None) -> bool:
        """Whether a verdict ends when its policy says nothing of the resource."""
        if swept in (None, ALL):
            return self._state.is_over(last.policy.name)
        return swept == policy_key(last.cluster, last.policy.name)

"""What an evaluator remembers: policies, resources, and the last verdict of each key.

A continuous run remembers, so that a changed policy is evaluated on everything, a
verdict that did not change is not told again, and what is gone is withdrawn. A scan
sees each resource once, after all policies: it needs verdicts at most, and tells
each, news or not, for its report is of everything.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence

import msgspec

from evaluator.evaluation import NO_MATCHING_POLICY
from evaluator.last_verdicts import LastVerdict, LastVerdicts, Said
from evaluator.loading import LoadedPolicy
from evaluator.policies.change import is_verdict_id
from evaluator.waivers import Waivers, names
from pipeline.events import (
    Outcome,
    ResourceApplied,
    Verdict,
    is_final,
    is_violation,
    policy_key,
    resource_key,
)
from pipeline.waivers import WaiverApplied, waiver_key

_encoder = msgspec.msgpack.Encoder()
_resources = msgspec.msgpack.Decoder(ResourceApplied)


def fingerprint(verdict: Verdict) -> bytes:
    """Digest of what makes a verdict worth telling again when it differs."""
    told = (
        verdict.outcome,
        verdict.message,
        verdict.warning,
        verdict.images,
        verdict.image,
        verdict.policy,
        verdict.waiver,
        verdict.waived_before,
    )
    return hashlib.sha256(_encoder.encode(told)).digest()[:16]


class State:
    """In memory, for one evaluator. `remember`: verdicts, and resources unless it is a scan's (`once`)."""

    def __init__(self, *, remember: bool, once: bool = False) -> None:
        self.policies: Mapping[str, LoadedPolicy] = {}
        """By key."""
        self.waivers = Waivers()
        self.tells_all = once
        self._remember = remember
        self._once = once
        self._policies_of: dict[str, list[LoadedPolicy]] = {}
        self._unheard: set[str] = set()
        self.judges_by_some = False
        """Whether there are policies that are not here: nobody can say then that none matches an image."""
        self._resources: dict[str, bytes] = {}
        self._verdicts = LastVerdicts()
        self._withdrawn: dict[str, dict[str, str]] = {}

    def put_policy(self, key: str, loaded: LoadedPolicy) -> None:
        """Put a policy in place, under its key on the log."""
        self.policies = {**self.policies, key: loaded}
        self._policies_of.clear()

    def drop_policy(self, key: str) -> None:
        """Forget a policy."""
        self.policies = {known: loaded for known, loaded in self.policies.items() if known != key}
        self._policies_of.clear()

    def put_waiver(self, key: str, waiver: WaiverApplied | None) -> None:
        """Put a waiver in place, under its key on the log; None: it is gone."""
        if waiver is None:
            self.waivers.drop(key)
        else:
            self.waivers.put(key, waiver)

    def policies_of(self, cluster: str) -> Sequence[LoadedPolicy]:
        """The policies of one cluster."""
        found = self._policies_of.get(cluster)
        if found is None:
            start = policy_key(cluster, "")
            found = [loaded for key, loaded in self.policies.items() if key.startswith(start)]
            self._policies_of[cluster] = found
        return found

    def put_resource(self, key: str, applied: ResourceApplied) -> None:
        """Remember a resource under its key on the log."""
        if self._remember and not self._once:
            self._resources[key] = _encoder.encode(applied)

    def drop_resource(self, key: str) -> None:
        """Forget a resource."""
        self._resources.pop(key, None)

    def resource_keys(self) -> list[str]:
        """Of every resource remembered."""
        return list(self._resources)

    def body(self, key: str) -> bytes | None:
        """A resource as it is remembered; the same object until the resource changes."""
        return self._resources.get(key)

    @staticmethod
    def read(body: bytes) -> ResourceApplied:
        """The resource of a body."""
        return _resources.decode(body)

    @property
    def goes_on(self) -> bool:
        """Whether what is remembered is judged again; a scan ends with its last resource."""
        return self._remember and not self._once

    def last(self, resource_key: str, verdict_key: str) -> LastVerdict | None:
        """The last verdict of a key."""
        return self._verdicts.get(resource_key, _tail(resource_key, verdict_key))

    def previous_id(self, resource_key: str, verdict_key: str) -> str:
        """The id of the last event of a key, which may be a withdrawal; empty where there was none."""
        last = self.last(resource_key, verdict_key)
        return last.event_id if last else self._withdrawn.get(resource_key, {}).get(verdict_key, "")

    def verdicts_of(self, resource_key: str) -> list[tuple[str, LastVerdict]]:
        """Every verdict of a resource, by key."""
        return [(f"{resource_key}/{tail}", last) for tail, last in self._verdicts.of(resource_key)]

    def resources_under(self, policy: str) -> list[str]:
        """Keys of the resources that have a verdict of a policy, named by its key."""
        return self._verdicts.resources_under(policy)

    def under_waiver(self, waiver: WaiverApplied | None, key: str) -> dict[str, list[str]]:
        """What a waiver may decide about: keys of resources by the policy's key, of policies in place.

        Violations of its policies, and what it waives now, or waived before an error; without the waiver
        only the latter.
        `key`: the waiver's.
        """

        def decides(cluster: str, said: Said) -> bool:
            mine = bool(said.waiver) and waiver_key(cluster, said.waiver) == key
            return mine or (waiver is not None and _may_be_waived(cluster, said, waiver))

        found: dict[str, list[str]] = {}
        for resource, cluster, policy in self._verdicts.where(decides):
            found.setdefault(policy_key(cluster, policy), []).append(resource)
        return {policy: resources for policy, resources in found.items() if policy in self.policies}

    def judging(self) -> set[str]:
        """Keys of the policies that verdicts are of."""
        return self._verdicts.judging()

    def restore(self, verdict_key: str, event_id: str, verdict: Verdict) -> None:
        """Remember a verdict of an earlier run. It stays until its policy is heard of.

        One whose id is not as ours are is somebody else's: it is passed over, and ours is told beside it.
        """
        if not is_verdict_id(event_id):
            return
        if verdict.policy.name != NO_MATCHING_POLICY.name:
            self._unheard.add(verdict.policy.name)
        key = resource_key(verdict.cluster, verdict.resource.uid)
        self.put_verdict(key, verdict_key, event_id, verdict)

    def heard_of(self, policy: str) -> None:
        """An event said what became of this policy."""
        self._unheard.discard(policy)

    def keep_only(self, policies: Collection[str]) -> None:
        """Of the policies not heard of, these may still be there; the verdicts of the others are over."""
        self._unheard.intersection_update(policies)

    def leave(self, policies: Collection[str]) -> None:
        """Of the policies not heard of, these are somewhere else: their verdicts stay as they are."""
        self.keep_only(policies)
        if policies:
            self.judges_by_some = True
            self._unheard.add(NO_MATCHING_POLICY.name)

    def is_over(self, policy: str) -> bool:
        """Whether a verdict ends when its policy says nothing of the resource any more."""
        return policy not in self._unheard

    def put_verdict(self, resource_key: str, verdict_key: str, event_id: str, verdict: Verdict) -> None:
        """Remember a verdict as the last of its key; of a withdrawn one, its id."""
        if not self._remember:
            return
        if verdict.outcome is Outcome.WITHDRAWN:
            self._withdraw(resource_key, verdict_key, event_id, verdict)
            return
        self._forget_withdrawn(resource_key, verdict_key)
        tail = _tail(resource_key, verdict_key)
        self._verdicts.put(resource_key, tail, event_id, fingerprint(verdict), verdict)

    def _withdraw(self, resource_key: str, verdict_key: str, event_id: str, verdict: Verdict) -> None:
        self._verdicts.drop(resource_key, _tail(resource_key, verdict_key))
        if is_final(verdict):
            self._withdrawn.pop(resource_key, None)
        else:
            self._withdrawn.setdefault(resource_key, {})[verdict_key] = event_id

    def _forget_withdrawn(self, resource_key: str, verdict_key: str) -> None:
        ids = self._withdrawn.get(resource_key, {})
        ids.pop(verdict_key, None)
        if not ids:
            self._withdrawn.pop(resource_key, None)


def _may_be_waived(cluster: str, said: Said, waiver: WaiverApplied) -> bool:
    is_one = is_violation(said.outcome, said.policy.mode)
    return is_one and cluster == waiver.cluster and names(waiver, said.policy.name)


def _tail(resource_key: str, verdict_key: str) -> str:
    """What the key of a verdict has beyond that of its resource."""
    return verdict_key.removeprefix(f"{resource_key}/")

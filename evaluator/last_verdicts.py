"""The last verdict of each key, as much of it as the next one needs, in little memory. Pure.

A cluster has millions of verdicts and few kinds of them: what they say is said of many
resources alike. So a resource holds 32 bytes of each verdict that are its own (the event's
id, the fingerprint), and shares the rest: which verdicts it has (`_Lineup`) with every
resource that has the same, where it belongs (`_Place`) with its siblings.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from weakref import WeakValueDictionary

from evaluator.evaluation import NO_MATCHING_POLICY
from pipeline.events import Image, Outcome, PolicyRef, ResourceRef, Verdict, policy_key

_ID = 16
"""Bytes of an event's id, which is twice as many hexadecimal digits; and of a fingerprint."""
_WIDTH = 2 * _ID


@dataclass(frozen=True, slots=True)
class LastVerdict:
    """The last verdict of one key."""

    event_id: str
    outcome: Outcome
    fingerprint: bytes
    cluster: str
    resource: ResourceRef
    owner: ResourceRef | None
    policy: PolicyRef
    image: Image | None
    file: str
    waiver: str
    """Name of what waives it, or of an error what was violated before it; empty where nothing does."""


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Said:
    """What a verdict says, of however many resources. `tail`: its key without that of the resource."""

    tail: str
    outcome: Outcome
    policy: PolicyRef
    image: Image | None
    waiver: str


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class _Lineup:
    """The verdicts that a resource has, in the order in which they came. `at`: place of each tail."""

    said: tuple[Said, ...]
    at: dict[str, int]
    policies: frozenset[str]


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class _Place:
    """Where resources belong."""

    cluster: str
    api_version: str
    kind: str
    namespace: str
    owner: ResourceRef | None
    file: str


_Subject = tuple[_Place, str, str]
"""Of what a verdict is: the place, the name and the version of the resource."""


@dataclass(slots=True)
class _Standing:
    """Of one resource. `own`: id and fingerprint of each verdict; `subjects`: one for all, or one of each."""

    lineup: _Lineup
    own: bytes
    subjects: tuple[_Subject, ...]


class LastVerdicts:
    """By the key of the resource, and by the rest of the verdict's key."""

    def __init__(self) -> None:
        self._standings: dict[str, _Standing] = {}
        self._said: WeakValueDictionary[tuple[object, ...], Said] = WeakValueDictionary()
        self._lineups: WeakValueDictionary[tuple[Said, ...], _Lineup] = WeakValueDictionary()
        self._places: WeakValueDictionary[tuple[object, ...], _Place] = WeakValueDictionary()

    def get(self, resource: str, tail: str) -> LastVerdict | None:
        """The last verdict of a key."""
        standing = self._standings.get(resource)
        place = standing.lineup.at.get(tail) if standing else None
        return None if standing is None or place is None else _read(standing, resource, place)

    def of(self, resource: str) -> Iterator[tuple[str, LastVerdict]]:
        """Every verdict of a resource, with its tail."""
        standing = self._standings.get(resource)
        if standing is not None:
            for place, said in enumerate(standing.lineup.said):
                yield said.tail, _read(standing, resource, place)

    def put(self, resource: str, tail: str, event_id: str, fingerprint: bytes, verdict: Verdict) -> None:
        """Remember a verdict as the last of its key. `event_id`: 32 hexadecimal digits."""
        said = self._said_once(tail, verdict)
        subject = self._subject(verdict)
        own = bytes.fromhex(event_id) + fingerprint
        standing = self._standings.get(resource)
        if standing is None:
            self._standings[resource] = _Standing(self._lineup((said,)), own, (subject,))
            return
        all_said, all_own, subjects = standing.lineup.said, standing.own, _each(standing)
        place = standing.lineup.at.get(tail)
        if place is None:
            standing.own = all_own + own
            standing.lineup = self._lineup((*all_said, said))
            standing.subjects = _shared((*subjects, subject))
            return
        standing.own = all_own[: place * _WIDTH] + own + all_own[(place + 1) * _WIDTH :]
        standing.lineup = self._lineup((*all_said[:place], said, *all_said[place + 1 :]))
        standing.subjects = _shared((*subjects[:place], subject, *subjects[place + 1 :]))

    def drop(self, resource: str, tail: str) -> None:
        """Forget the verdict of a key."""
        standing = self._standings.get(resource)
        place = standing.lineup.at.get(tail) if standing else None
        if standing is None or place is None:
            return
        said, own, subjects = standing.lineup.said, standing.own, _each(standing)
        if len(said) == 1:
            del self._standings[resource]
            return
        standing.lineup = self._lineup((*said[:place], *said[place + 1 :]))
        standing.own = own[: place * _WIDTH] + own[(place + 1) * _WIDTH :]
        standing.subjects = _shared((*subjects[:place], *subjects[place + 1 :]))

    def resources_under(self, policy: str) -> list[str]:
        """Keys of the resources that have a verdict of a policy, named by its key."""
        return [
            key
            for key, standing in self._standings.items()
            for cluster in {place.cluster for place, _, _ in standing.subjects}
            if any(policy_key(cluster, name) == policy for name in standing.lineup.policies)
        ]

    def where(self, wanted: Callable[[str, Said], bool]) -> Iterator[tuple[str, str, str]]:
        """Resource, cluster and policy of verdicts. `wanted` is asked once of what is said alike."""
        decided: dict[tuple[str, Said], bool] = {}
        for resource, standing in self._standings.items():
            for said, (place, _, _) in zip(standing.lineup.said, _each(standing), strict=True):
                key = (place.cluster, said)
                if key not in decided:
                    decided[key] = wanted(*key)
                if decided[key]:
                    yield resource, place.cluster, said.policy.name

    def judging(self) -> set[str]:
        """Keys of the policies that verdicts are of."""
        found = {
            (place.cluster, standing.lineup)
            for standing in self._standings.values()
            for place, _, _ in standing.subjects
        }
        return {
            policy_key(cluster, name)
            for cluster, lineup in found
            for name in lineup.policies
            if name != NO_MATCHING_POLICY.name
        }

    def _said_once(self, tail: str, verdict: Verdict) -> Said:
        waives = verdict.waiver or verdict.waived_before
        waiver = waives.name if waives else ""
        key = (tail, verdict.outcome, verdict.policy, verdict.image, waiver)
        said = self._said.get(key)
        if said is None:
            said = self._said[key] = Said(*key)
        return said

    def _lineup(self, said: tuple[Said, ...]) -> _Lineup:
        lineup = self._lineups.get(said)
        if lineup is None:
            at = {each.tail: place for place, each in enumerate(said)}
            lineup = self._lineups[said] = _Lineup(said, at, frozenset(each.policy.name for each in said))
        return lineup

    def _subject(self, verdict: Verdict) -> _Subject:
        ref = verdict.resource
        key = (verdict.cluster, ref.api_version, ref.kind, ref.namespace, verdict.owner, verdict.file)
        place = self._places.get(key)
        if place is None:
            place = self._places[key] = _Place(*key)
        return place, ref.name, ref.resource_version


def _each(standing: _Standing) -> tuple[_Subject, ...]:
    """The subject of each verdict."""
    if len(standing.subjects) == 1:
        return standing.subjects * len(standing.lineup.said)
    return standing.subjects


def _shared(subjects: tuple[_Subject, ...]) -> tuple[_Subject, ...]:
    """One for all where they are equal; else equal ones are one object."""
    different = dict.fromkeys(subjects)
    if len(different) == 1:
        return tuple(different)
    ones = {each: each for each in different}
    return tuple(ones[each] for each in subjects)


def _read(standing: _Standing, resource: str, place: int) -> LastVerdict:
    said = standing.lineup.said[place]
    own = standing.own[place * _WIDTH : (place + 1) * _WIDTH]
    belongs, name, version = standing.subjects[place if len(standing.subjects) > 1 else 0]
    return LastVerdict(
        event_id=own[:_ID].hex(),
        outcome=said.outcome,
        fingerprint=own[_ID:],
        cluster=belongs.cluster,
        resource=ResourceRef(
            api_version=belongs.api_version,
            kind=belongs.kind,
            namespace=belongs.namespace,
            name=name,
            uid=resource.removeprefix(f"{belongs.cluster}/"),
            resource_version=version,
        ),
        owner=belongs.owner,
        policy=said.policy,
        image=said.image,
        file=belongs.file,
        waiver=said.waiver,
    )

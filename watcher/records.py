"""Findings to records of the log: keys, identities and event ids, all of them deterministic."""

import hashlib
from collections import Counter
from dataclasses import dataclass
from datetime import datetime

import msgspec

from pipeline.bus import Record
from pipeline.events import (
    Event,
    EventType,
    PolicyApplied,
    ResourceApplied,
    ResourceRef,
    SourceFailed,
    Topic,
    policy_key,
    resource_key,
    source_of,
    subject_of,
)
from pipeline.waivers import WAIVER_KIND, WaiverApplied, waiver_key
from watcher.documents import Place
from watcher.manifests import PathProblem
from watcher.objects import POLICY_KIND, Policy, Problem, Resource

_UID_DIGITS = 32


@dataclass(frozen=True, slots=True)
class Failure:
    """A problem and where it is. `place` None: the file as a whole."""

    file: str
    message: str
    place: Place | None = None
    resource: ResourceRef | None = None

    @classmethod
    def of_path(cls, problem: PathProblem) -> "Failure":
        """A path or a file that could not be read at all."""
        return cls(problem.path, problem.message)

    @property
    def text(self) -> str:
        """The line for the user: FILE:LINE: message."""
        where = f"{self.file}:{self.place.line}" if self.place else self.file
        return f"{where}: {self.message}"

    def key(self, cluster: str) -> str:
        """Its key on the log: file, number of the document, and index in a List."""
        if self.place is None:
            return f"{cluster}/{self.file}#0"
        item = "" if self.place.item is None else f"[{self.place.item}]"
        return f"{cluster}/{self.file}#{self.place.number}{item}"


def failure_of(file: str, place: Place, problem: Problem) -> Failure:
    """A problem with the object at this place."""
    if problem.item is not None:
        place = Place(place.number, place.line, problem.item)
    message = problem.message
    if place.item is not None and problem.item is None:
        message = f"items[{place.item}]: {message}"
    return Failure(file, message, place, problem.resource)


class Identities:
    """Gives the resources of one file their identity.

    A manifest's object is known by cluster, file, kind, namespace and name; one
    that stands there several times, by its turn among those too.
    """

    def __init__(self, cluster: str, file: str) -> None:
        self._cluster = cluster
        self._file = file
        self._seen: Counter[bytes] = Counter()

    def uid_of(self, resource: Resource) -> str:
        """32 hexadecimal digits; call once for each resource, in the order of the file."""
        ref = resource.ref
        place = _digest(self._cluster, self._file, resource.group, ref.kind, ref.namespace, ref.name)
        short = bytes.fromhex(place[:_UID_DIGITS])  # one for each resource of a file is kept
        self._seen[short] += 1
        return _digest(place, str(self._seen[short]))[:_UID_DIGITS]


def resource_applied(cluster: str, file: str, resource: Resource, uid: str) -> ResourceApplied:
    """What a resource is now, as it is on the log."""
    return ResourceApplied(
        cluster=cluster,
        resource=msgspec.structs.replace(resource.ref, uid=uid),
        digest=resource.digest,
        object=resource.object,
        owner=resource.owner,
        file=file,
    )


def resource_record(cluster: str, file: str, resource: Resource, uid: str, time: datetime) -> Record:
    """The record that says what a resource is now."""
    data = resource_applied(cluster, file, resource, uid)
    key = resource_key(cluster, uid)
    event = Event(
        type=EventType.RESOURCE_APPLIED,
        source=source_of(cluster),
        id=_digest(key, resource.digest),
        time=time,
        subject=subject_of(data.resource),
        key=key,
        data=data,
    )
    return Record(Topic.RESOURCES, key, event)


def policy_record(cluster: str, file: str, policy: Policy, time: datetime) -> Record:
    """The record that says what a policy is now."""
    data = PolicyApplied(
        cluster=cluster,
        name=policy.name,
        digest=policy.digest,
        object=policy.object,
        file=file,
        texts=policy.texts,
    )
    key = policy_key(cluster, policy.name)
    event = Event(
        type=EventType.POLICY_APPLIED,
        source=source_of(cluster),
        id=_digest(key, policy.digest),
        time=time,
        subject=f"{POLICY_KIND}/{policy.name}",
        key=key,
        data=data,
    )
    return Record(Topic.POLICIES, key, event)


def waiver_record(waiver: WaiverApplied, time: datetime) -> Record:
    """The record that says what a waiver is now."""
    key = waiver_key(waiver.cluster, waiver.name)
    event = Event(
        type=EventType.WAIVER_APPLIED,
        source=source_of(waiver.cluster),
        id=_digest(key, waiver.digest),
        time=time,
        subject=f"{WAIVER_KIND}/{waiver.name}",
        key=key,
        data=waiver,
    )
    return Record(Topic.POLICIES, key, event)


def failure_record(cluster: str, failure: Failure, time: datetime) -> Record:
    """The record that says what could not be read."""
    data = SourceFailed(
        cluster=cluster,
        file=failure.file,
        message=failure.text,
        document=failure.place.number if failure.place else 0,
        resource=failure.resource,
    )
    key = failure.key(cluster)
    event = Event(
        type=EventType.SOURCE_FAILED,
        source=source_of(cluster),
        id=failure_id(cluster, failure),
        time=time,
        subject=failure.file,
        key=key,
        data=data,
    )
    return Record(Topic.DEADLETTERS, key, event)


def failure_id(cluster: str, failure: Failure) -> str:
    """The same for the same problem at the same place."""
    return _digest(failure.key(cluster), failure.text)


def tombstone(topic: Topic, key: str) -> Record:
    """The record that says that this key is gone."""
    return Record(topic, key, None)


def _digest(*parts: str) -> str:
    """SHA-256, hexadecimal; lengths are in it, so that no two lists of parts are the same."""
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()

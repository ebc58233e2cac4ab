"""What earlier runs left on the log, read from its compacted topics. Pure.

The same questions as the database answers for a run in one process; and, since these
topics are the state of whoever reads them, which records need not be told (`Unrepeated`).
"""

from collections.abc import Sequence
from typing import assert_never

import msgspec

from pipeline.bus import Publisher, Record
from pipeline.events import (
    PolicyApplied,
    PolicyChecked,
    ResourceApplied,
    ResourceRef,
    SourceFailed,
    Topic,
    Verdict,
)
from pipeline.waivers import WaiverApplied

_VOLATILE = ("managedFields", "resourceVersion")
"""Of a policy's metadata: what changes with every write of its status."""


class _Resource(msgspec.Struct, frozen=True, gc=False):
    """As much of a resource as tells whether it has changed: `digest` covers what policies can see."""

    kind: str
    namespace: str
    file: str
    digest: str
    owner: ResourceRef | None


class EarlierOnLog:
    """Takes records in the order of the log; then says what is there of one cluster."""

    def __init__(self, cluster: str) -> None:
        self._start = key_prefix(cluster)
        self._resources: dict[str, _Resource] = {}
        self._policies: dict[str, PolicyApplied] = {}
        self._failures: dict[str, SourceFailed] = {}
        self._waivers: dict[str, WaiverApplied] = {}
        self._owners: dict[ResourceRef | None, ResourceRef | None] = {}

    def take(self, record: Record) -> None:
        """A record of the resources, the policies, or the dead letters."""
        if not record.key.startswith(self._start):
            return
        match record.event.data if record.event else None:
            case ResourceApplied() as applied:
                owner = self._owners.setdefault(applied.owner, applied.owner)
                self._resources[record.key] = _seen(applied, owner)
            case PolicyApplied() as policy:
                self._policies[record.key] = policy
            case WaiverApplied() as waiver:
                self._waivers[record.key] = waiver
            case SourceFailed() as failure:
                self._failures[record.key] = failure
            case _:
                self.forget(record)

    def says(self, record: Record) -> bool:
        """Whether the log says the same already, but for what changes with an object's status."""
        match record.event.data if record.event else None:
            case ResourceApplied() as applied:
                return self._resources.get(record.key) == _seen(applied, applied.owner)
            case PolicyApplied() as policy:
                known = self._policies.get(record.key)
                return known is not None and _settled(known) == _settled(policy)
            case WaiverApplied() as waiver:
                return self._waivers.get(record.key) == waiver
            case SourceFailed() as failure:
                return self._failures.get(record.key) == failure
            case None | Verdict() | PolicyChecked():
                return False
            case other:
                assert_never(other)

    def forget(self, record: Record) -> None:
        """The log says something else of its key from now on."""
        match record.topic:
            case Topic.RESOURCES:
                self._resources.pop(record.key, None)
            case Topic.POLICIES:
                self._policies.pop(record.key, None)
                self._waivers.pop(record.key, None)
            case Topic.DEADLETTERS:
                self._failures.pop(record.key, None)
            case _:
                return

    async def known_resources(self, cluster: str) -> dict[str, str]:
        """Key -> file."""
        return {key: each.file for key, each in self._resources.items() if _is_of(key, cluster)}

    async def known_kinds(self, cluster: str) -> dict[str, tuple[str, str]]:
        """Key -> kind and namespace."""
        found = self._resources.items()
        return {key: (each.kind, each.namespace) for key, each in found if _is_of(key, cluster)}

    async def known_policies(self, cluster: str) -> dict[str, str]:
        """Key -> file."""
        return {key: each.file for key, each in self._policies.items() if _is_of(key, cluster)}

    async def known_waivers(self, cluster: str) -> dict[str, str]:
        """Key -> file."""
        return {key: each.file for key, each in self._waivers.items() if _is_of(key, cluster)}

    async def known_source_errors(self, cluster: str) -> dict[str, str]:
        """Key -> file of what could not be read."""
        return {key: each.file for key, each in self._failures.items() if _is_of(key, cluster)}


class Unrepeated:
    """A publisher that passes over what the log says already, the first time that a key is told.

    Who publishes through it knows nothing of what the log says: after a start it tells
    everything. See `pipeline.bus.Publisher`.
    """

    def __init__(self, publisher: Publisher, earlier: EarlierOnLog) -> None:
        self._publisher = publisher
        self._earlier = earlier
        self.passed_over = 0

    async def publish(self, records: Sequence[Record]) -> None:
        """See the port."""
        news: list[Record] = []
        for record in records:
            if self._earlier.says(record):
                self.passed_over += 1
            else:
                news.append(record)
            self._earlier.forget(record)
        if news:
            await self._publisher.publish(news)

    async def seal(self, topic: Topic) -> None:
        """See the port."""
        await self._publisher.seal(topic)


def _seen(applied: ResourceApplied, owner: ResourceRef | None) -> _Resource:
    ref = applied.resource
    return _Resource(ref.kind, ref.namespace, applied.file, applied.digest, owner)


def _settled(policy: PolicyApplied) -> PolicyApplied:
    """Without what changes with every write of the policy's status."""
    metadata = policy.object.get("metadata")
    if isinstance(metadata, dict):
        metadata = {key: value for key, value in metadata.items() if key not in _VOLATILE}
    kept = {key: value for key, value in policy.object.items() if key != "status"}
    return msgspec.structs.replace(policy, object={**kept, "metadata": metadata})


def key_prefix(cluster: str) -> str:
    """How the key of everything of a cluster begins."""
    return f"{cluster}/"


def _is_of(key: str, cluster: str) -> bool:
    return key.startswith(key_prefix(cluster))

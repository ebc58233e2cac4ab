"""A cluster's objects on the log: what `watcher.cluster.reflector` sees, as records.

Objects pass through; only digests, versions and owners stay. What does not change what
policies can see (most of a cluster's traffic is status) goes no further.
"""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from pipeline.bus import Publisher, Record
from pipeline.events import Topic, policy_key, resource_key
from pipeline.settings import ClusterSettings
from watcher.cluster.counts import Counts, Result
from watcher.cluster.failures import place_of
from watcher.cluster.kinds import PODS, POLICIES, ServedKind
from watcher.cluster.liststate import ListState
from watcher.cluster.lookup import OwnerLookup
from watcher.cluster.owners import Owners
from watcher.cluster.policies import Policies
from watcher.cluster.scope import Scope
from watcher.cluster.trimming import running_images, trim
from watcher.objects import Policy, Problem, Resource, controller_of, read, seen_digest
from watcher.records import Failure, failure_record, resource_record, tombstone

_logger = logging.getLogger(__name__)
Object = dict[str, Any]


class Mirror:
    """See `watcher.cluster.reflector.Handler`."""

    def __init__(
        self,
        cluster: str,
        publisher: Publisher,
        settings: ClusterSettings,
        scope: Scope,
        lookup: OwnerLookup,
        clock: Callable[[], datetime],
        policies: Policies,
        counts: Counts | None = None,
    ) -> None:
        self._cluster = cluster
        self._publisher = publisher
        self._settings = settings
        self._scope = scope
        self._lookup = lookup
        self._clock = clock
        self._policies = policies
        self._owners = Owners()
        self._policy_of: dict[str, str] = {}
        """uid -> name: a policy's key on the log holds its name."""
        self._untold: set[str] = set()
        """What is left out, and may own what is not."""
        self._failing: dict[str, str] = {}
        """uid -> place, as it is named on the dead letters."""
        self.events = 0
        self._counts = counts or Counts()

    def restore_policies(self, keys: Collection[str]) -> list[str]:
        """What an earlier run told of policies; returns uids that no list will name, to stand for them."""
        for key in keys:
            self._policy_of[key] = key.removeprefix(policy_key(self._cluster, ""))
        return list(keys)

    def restore_failures(self, failing: Mapping[str, str]) -> None:
        """Objects that an earlier run could not read: uid -> place; mended when they are read, or gone."""
        self._failing |= failing

    async def apply(self, kind: ServedKind, state: ListState, objects: Sequence[Object]) -> None:
        """Publish what is news of these objects."""
        records = [record for body in objects for record in await self._records(kind, state, body)]
        await self._publish(records)
        if kind is POLICIES:
            await self._policies.publish()

    async def remove(self, kind: ServedKind, uids: Sequence[str]) -> None:
        """Publish that these objects are gone."""
        self._owners.forget(uids)
        told = [uid for uid in uids if uid not in self._untold]
        self._untold.difference_update(uids)
        await self._publish([record for uid in told for record in self._gone(kind, uid)])
        if kind is POLICIES:
            await self._policies.publish()

    async def _publish(self, records: Sequence[Record]) -> None:
        if records:
            self.events += len(records)
            await self._publisher.publish(records)

    def _gone(self, kind: ServedKind, uid: str) -> list[Record]:
        self._counts.objects[kind.plural, Result.DELETED] += 1
        mended = self._mended(uid)
        if kind is POLICIES:
            name = self._policy_of.pop(uid, None)
            if name is not None and name not in self._policy_of.values():  # else made again, under a new uid
                self._policies.drop(name)
            return mended
        return [*mended, tombstone(Topic.RESOURCES, resource_key(self._cluster, uid))]

    async def _records(self, kind: ServedKind, state: ListState, body: Object) -> list[Record]:
        """The records for one object that is there."""
        metadata = body.get("metadata")
        uid = metadata.get("uid") if isinstance(metadata, dict) else None
        if not isinstance(metadata, dict) or not isinstance(uid, str) or not uid:
            _logger.warning("%s: an object without a uid was passed over", kind.plural)
            return []
        self._untold.discard(uid)
        if kind is not POLICIES and not self._scope.includes(str(metadata.get("namespace") or "")):
            self._owners.forget([uid])
            return self._gone(kind, uid) if state.left(uid) else []
        if self._is_left_out(kind, metadata, body):
            return self._leave_out(kind, state, uid)
        body = trim(body, redact=self._settings.redact_environment and kind is not POLICIES)
        digest = seen_digest(body, running_images(body))
        if not state.applied(uid, digest):
            self._counts.objects[kind.plural, Result.NOISE] += 1
            return []
        finding = next(read(body, str(metadata.get("namespace") or "")), None)
        failed = isinstance(finding, Problem)
        self._counts.objects[kind.plural, Result.FAILED if failed else Result.PUBLISHED] += 1
        if isinstance(finding, Problem):
            place = self._failing[uid] = place_of(kind, str(metadata.get("namespace") or ""), uid)
            failure = Failure(place, finding.message, None, finding.resource)
            return [failure_record(self._cluster, failure, self._clock())]
        records = self._mended(uid)
        if isinstance(finding, Resource):
            records.append(await self._resource(kind, uid, digest, finding))
        elif isinstance(finding, Policy):
            self._policy_of[uid] = finding.name
            self._policies.put(finding)
        return records

    def _leave_out(self, kind: ServedKind, state: ListState, uid: str) -> list[Record]:
        told = uid in state.known
        state.deleted(uid)
        if uid in self._owners:  # forgotten when it is gone
            state.kept_in_mind(uid)
            self._untold.add(uid)
        return self._gone(kind, uid) if told else []

    def _is_left_out(self, kind: ServedKind, metadata: Object, body: Object) -> bool:
        """What is being deleted, or is an old ReplicaSet kept for a rollback."""
        if metadata.get("deletionTimestamp"):
            return True
        if kind.kind != "ReplicaSet":
            return False
        self._note(metadata)
        spec = body.get("spec")
        replicas = spec.get("replicas") if isinstance(spec, dict) else None
        return replicas == 0 and controller_of(metadata) is not None

    def _note(self, metadata: Object) -> None:
        self._owners.note(str(metadata["uid"]), controller_of(metadata))

    async def _resource(self, kind: ServedKind, uid: str, digest: str, resource: Resource) -> Record:
        if kind is not PODS:
            self._owners.note(uid, resource.owner)
        root, missing = self._owners.root(resource.owner)
        if missing is not None and missing.api_version:
            self._owners.look_up(missing.uid, await self._lookup.owner_of(missing))
            root, _ = self._owners.root(resource.owner)
        resource = msgspec.structs.replace(resource, digest=digest, owner=root)
        return resource_record(self._cluster, "", resource, uid, self._clock())

    def _mended(self, uid: str) -> list[Record]:
        place = self._failing.pop(uid, None)
        return [] if place is None else [tombstone(Topic.DEADLETTERS, Failure(place, "").key(self._cluster))]

"""The events of one watch, checked as they come, and the objects that wait to be published at once. Pure.

A watch promises versions that only grow. One that goes back comes from a server whose
history is another one (etcd restored from a backup, a broken proxy): list again.
"""

from dataclasses import dataclass, field
from typing import Any

from pipeline.errors import clip
from watcher.cluster.errors import GarbledError, GoneError
from watcher.cluster.liststate import is_older
from watcher.cluster.refusals import refusal

_INITIAL_EVENTS_END = "k8s.io/initial-events-end"

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Bookmark:
    """The server has nothing more up to a version. `ends_list`: of a streamed list."""

    version: str
    ends_list: bool


@dataclass(frozen=True, slots=True)
class Applied:
    """An object waits in the batch."""


@dataclass(frozen=True, slots=True)
class Deleted:
    """An object is gone."""

    uid: str


Change = Applied | Bookmark | Deleted


@dataclass(slots=True)
class Batch:
    """Of one watch, `path` for messages. `version`: the newest seen; empty while a list is streamed."""

    path: str
    version: str
    _objects: list[Object] = field(default_factory=list)

    def add(self, event: Any) -> Change:
        """Take one event; an object that is there waits. Raises ApiError: a refusal, or nonsense."""
        body = event.get("object") if isinstance(event, dict) else None
        if not isinstance(body, dict):
            raise GarbledError(f"{self.path}: an event without an object")
        metadata = body.get("metadata")
        metadata = metadata if isinstance(metadata, dict) else {}
        match event.get("type"):
            case "ADDED" | "MODIFIED":
                self._reach(metadata)
                self._objects.append(body)
                return Applied()
            case "DELETED":
                uid = metadata.get("uid")
                if not isinstance(uid, str) or not uid:
                    raise GarbledError(f"{self.path}: something was deleted, and the event does not say what")
                self._reach(metadata)
                return Deleted(uid)
            case "BOOKMARK":
                return self._bookmark(metadata)
            case "ERROR":
                code, message = body.get("code"), clip(str(body.get("message") or ""))
                raise refusal(code if isinstance(code, int) else 500, f"{self.path}: {message}")
            case other:
                raise GarbledError(f"{self.path}: an event of the unknown type {clip(str(other), 80)}")

    def take(self) -> list[Object]:
        """The objects that wait; then none does."""
        objects, self._objects = self._objects, []
        return objects

    def _bookmark(self, metadata: Object) -> Bookmark:
        annotations = metadata.get("annotations")
        ends = isinstance(annotations, dict) and annotations.get(_INITIAL_EVENTS_END) == "true"
        if not ends:
            self._reach(metadata)
        return Bookmark(_version(metadata), ends)

    def _reach(self, metadata: Object) -> None:
        version = _version(metadata)
        if not self.version or not version:  # a streamed list is in no order
            return
        if is_older(version, self.version):
            raise GoneError(f"{self.path}: version {clip(version, 40)} came after {self.version}")
        self.version = version


def _version(metadata: Object) -> str:
    return str(metadata.get("resourceVersion") or "")

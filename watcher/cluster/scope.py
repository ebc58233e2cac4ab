"""Which namespaces are looked at: those that are named, less those left out, and by their labels.

Labels are the API server's to compare: with a selector, a watch says of a namespace that is
labelled, or no longer, that it was added or deleted. Names of namespaces are all that is kept.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipeline.settings import ClusterSettings
from watcher.cluster.kinds import ServedKind
from watcher.cluster.liststate import ListState

Object = dict[str, Any]


@dataclass(slots=True)
class Scope:
    """A `watcher.cluster.reflector.Handler` of namespaces. `changed` is called when others are selected."""

    settings: ClusterSettings
    changed: Callable[[], None] = lambda: None
    _selected: dict[str, str] = field(default_factory=dict)
    """uid -> name of the namespaces with the wanted labels."""

    def includes(self, namespace: str) -> bool:
        """Whether what is in a namespace is looked at."""
        if namespace in self.settings.excluded_namespaces:
            return False
        if self.settings.namespaces and namespace not in self.settings.namespaces:
            return False
        return not self.settings.namespace_selector or namespace in self._selected.values()

    async def apply(self, kind: ServedKind, state: ListState, objects: Sequence[Object]) -> None:
        """These namespaces are selected. Other changes of them are no news."""
        news = False
        for body in objects:
            metadata = body.get("metadata")
            metadata = metadata if isinstance(metadata, dict) else {}
            uid, name = metadata.get("uid"), metadata.get("name")
            if isinstance(uid, str) and isinstance(name, str) and state.applied(uid, kind.plural):
                self._selected[uid] = name
                news = True
        if news:
            self.changed()

    async def remove(self, kind: ServedKind, uids: Sequence[str]) -> None:  # noqa: ARG002 - a Handler
        """These namespaces are gone, or no longer have the labels."""
        for uid in uids:
            self._selected.pop(uid, None)
        self.changed()

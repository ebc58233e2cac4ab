"""Which policies are due on the log, as they and their texts come and go. Pure.

A policy is told once all of its texts are known, found or not; while a text is looked for,
what was told before stays. Told again is what is new: a policy that was put again, or one
whose text changed.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from watcher.objects import Policy
from watcher.texts import Source, Text, resolved, sources


@dataclass(slots=True)
class _Entry:
    """A policy that is there. `told`: its digest on the log; None where that is not what it is now."""

    policy: Policy
    wanted: frozenset[Source]
    told: str | None = None


class PolicyTexts:
    """The policies of one source by name, and the texts they need."""

    def __init__(self) -> None:
        self._policies: dict[str, _Entry] = {}
        self._texts: dict[Source, Text] = {}
        self._gone: dict[str, None] = {}

    @property
    def wanted(self) -> frozenset[Source]:
        """Every text that some policy needs."""
        return frozenset(source for entry in self._policies.values() for source in entry.wanted)

    @property
    def found(self) -> Mapping[Source, Text]:
        """The texts that are known."""
        return self._texts

    @property
    def settled(self) -> bool:
        """Whether all is told."""
        return not self._gone and all(entry.told is not None for entry in self._policies.values())

    def put(self, policy: Policy) -> None:
        """A policy is there, new or changed."""
        self._policies[policy.name] = _Entry(policy, sources(policy.object))
        self._gone.pop(policy.name, None)
        self._forget()

    def drop(self, name: str) -> None:
        """A policy is gone."""
        self._policies.pop(name, None)
        self._gone[name] = None
        self._forget()

    def learn(self, source: Source, text: Text) -> bool:
        """What a source holds now; whether that is news. One that nobody needs is not kept."""
        wanted = any(source in entry.wanted for entry in self._policies.values())
        if not wanted or self._texts.get(source) == text:
            return False
        self._texts[source] = text
        return True

    def take(self) -> tuple[list[Policy], list[str]]:
        """What is due: policies as they are now, and names of those that are gone. It counts as told."""
        due = []
        for entry in self._policies.values():
            if entry.wanted <= self._texts.keys():
                policy = resolved(entry.policy, self._texts)
                if policy.digest != entry.told:
                    entry.told = policy.digest
                    due.append(policy)
        gone = list(self._gone)
        self._gone.clear()
        return due, gone

    def _forget(self) -> None:
        """Keep no text that nobody needs."""
        wanted = self.wanted
        for source in self._texts.keys() - wanted:
            del self._texts[source]

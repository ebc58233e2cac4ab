"""The policies that a database knows and a scan did not load: docs/decisions/0006."""

import asyncio

from cli.wire import Embedded
from pipeline.events import Topic, policy_name
from watcher.known import Known, Remainders
from watcher.records import tombstone
from watcher.summary import Summary


class Others:
    """Leaves them alone, or, where there shall be none (`withdrawn`), takes them back."""

    def __init__(self, known: Known, left: Remainders, *, withdrawn: bool) -> None:
        self._known = known
        self._left = left
        self._withdrawn = withdrawn
        self.left_alone = 0
        """How many there are; known once they are settled."""

    @property
    def names(self) -> frozenset[str]:
        """Of every policy that the database knows from other paths."""
        return frozenset(map(policy_name, self._left.policies.elsewhere))

    async def settle(self, embedded: Embedded, loaded: Summary, stop: asyncio.Event) -> None:
        """After every policy was published, before the first resource.

        Where a path named for policies could not be used, or reading was interrupted, no verdict
        is over for want of its policy: it may be where nobody could look.
        """
        if loaded.unreadable or stop.is_set():
            embedded.state.leave({policy_name(key) for key in self._known.policies})
            return
        if self._withdrawn and self._left.policies.elsewhere:
            gone = sorted(self._left.policies.elsewhere)
            await embedded.bus.publish([tombstone(Topic.POLICIES, key) for key in gone])
            for key in gone:
                self._left.policies.found(key)
        self.left_alone = len(self.names)
        embedded.state.leave(self.names | {policy_name(key) for key in self._left.policies.kept})

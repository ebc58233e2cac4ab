"""A cluster's policies on the log, each with its texts: the one place that publishes them."""

import asyncio
from collections.abc import Callable
from datetime import datetime

from pipeline.bus import Publisher
from pipeline.events import Topic, policy_key
from watcher.objects import Policy
from watcher.policy_texts import PolicyTexts
from watcher.records import policy_record, tombstone
from watcher.texts import Source, Text


class Policies:
    """What is put and dropped comes from the watch, what is learned from where the texts are.

    Both may publish: in turn, so that nothing older follows what is newer. `changed` is
    called when there may be something new to look up or to wait for.
    """

    def __init__(
        self,
        cluster: str,
        publisher: Publisher,
        clock: Callable[[], datetime],
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self._cluster = cluster
        self._publisher = publisher
        self._clock = clock
        self._changed = changed
        self._texts = PolicyTexts()
        self._turn = asyncio.Lock()
        self.news = asyncio.Event()
        """Set when other texts may be wanted, or when something was learned."""

    @property
    def settled(self) -> bool:
        """Whether every policy is on the log as it is."""
        return self._texts.settled and not self._turn.locked()

    @property
    def wanted(self) -> frozenset[Source]:
        """Every text that some policy needs."""
        return self._texts.wanted

    def put(self, policy: Policy) -> None:
        """A policy is there, new or changed."""
        self._texts.put(policy)
        self.news.set()

    def drop(self, name: str) -> None:
        """A policy is gone."""
        self._texts.drop(name)
        self.news.set()

    def learn(self, source: Source, text: Text) -> None:
        """What a source holds now."""
        if self._texts.learn(source, text):
            self.news.set()

    async def publish(self) -> None:
        """Publish what is due."""
        async with self._turn:
            due, gone = self._texts.take()
            time = self._clock()
            records = [policy_record(self._cluster, "", policy, time) for policy in due]
            records += [tombstone(Topic.POLICIES, policy_key(self._cluster, name)) for name in gone]
            if records:
                await self._publisher.publish(records)
        self._changed()

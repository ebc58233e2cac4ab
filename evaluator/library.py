"""Policies loaded once for all partitions that an evaluator has."""

import asyncio

from evaluator.loading import LoadedPolicy, load
from evaluator.rego.questions import Compiles
from pipeline.events import PolicyApplied, PolicyChecked, policy_key
from pipeline.settings import EvaluatorSettings

Loaded = tuple[LoadedPolicy | None, PolicyChecked]


class Library:
    """The last version of each policy. A second one who asks for a version waits for the first."""

    def __init__(self, compiler: Compiles, settings: EvaluatorSettings) -> None:
        self._compiler = compiler
        self._settings = settings
        self._known: dict[str, tuple[PolicyApplied, Loaded]] = {}
        self._one_at_a_time = asyncio.Lock()

    async def load(self, applied: PolicyApplied) -> Loaded:
        """See `evaluator.loading.load`."""
        key = policy_key(applied.cluster, applied.name)
        async with self._one_at_a_time:
            known = self._known.get(key)
            if known is not None and known[0] == applied:
                return known[1]
            engine, redacted = self._settings.engine, self._settings.redacted
            loaded = await load(applied, self._compiler, engine, redacted=redacted)
            self._known[key] = (applied, loaded)
            return loaded

    def loaded(self) -> list[LoadedPolicy]:
        """The valid ones there are now."""
        return [found for _, (found, _) in self._known.values() if found is not None]

    def forget(self, key: str) -> None:
        """A policy is gone."""
        self._known.pop(key, None)

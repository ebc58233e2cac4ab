"""Whether a process lives, and whether it does its work: what /healthz and /readyz say. Pure.

Alive: the event loop answers, and no part has ended that should go on. Ready: nothing is
waited for any more. An orchestrator restarts what is not alive; what is not ready it only tells.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pipeline.service import Part

LISTED = "listed"
"""The check that everything there is was listed once."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`good`, and each part or check with what there is to say of it."""

    good: bool
    said: Mapping[str, str]


@dataclass(slots=True)
class Health:
    """Of one process."""

    _parts: dict[str, str] = field(default_factory=dict)
    _waiting: dict[str, str] = field(default_factory=dict)
    _asked: dict[str, Callable[[], str]] = field(default_factory=dict)
    _stop: asyncio.Event | None = None

    def waits_for(self, check: str, reason: str) -> None:
        """Not ready because of this check; a reason that is news replaces the one before."""
        self._waiting[check] = reason

    def has(self, check: str) -> None:
        """What was waited for is there."""
        self._waiting[check] = ""

    def ask(self, check: str, reason: Callable[[], str]) -> None:
        """A check that is made when somebody looks: why it is not ready, or nothing."""
        self._asked[check] = reason

    def watching(self, parts: Mapping[str, Part]) -> dict[str, Part]:
        """The same parts, seen."""
        return {name: self._seen(name, part) for name, part in parts.items()}

    def _seen(self, name: str, part: Part) -> Part:
        async def seen(stop: asyncio.Event) -> None:
            self._stop = stop
            self._parts[name] = "running"
            try:
                await part(stop)
            except asyncio.CancelledError:
                del self._parts[name]  # whoever ended it knows, and may begin it again
                raise
            self._parts[name] = "ended"

        return seen

    @property
    def _stopping(self) -> bool:
        return self._stop is not None and self._stop.is_set()

    def alive(self) -> Answer:
        """Whether everything runs, or ends because it was told to."""
        ended = "ended" in self._parts.values()
        return Answer(self._stopping or not ended, dict(self._parts))

    def ready(self) -> Answer:
        """Whether everything that is waited for is there, and it is not ending."""
        said = {**self._waiting, **{check: reason() for check, reason in self._asked.items()}}
        if self._stopping:
            said["stop"] = "told to stop: draining"
        good = not any(said.values())
        return Answer(good, {check: reason or "ok" for check, reason in said.items()})

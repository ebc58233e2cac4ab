"""What has to be judged again although no event came for it, in slices. Pure.

A sweep goes through the resources that were remembered when it began, under one
policy that changed or reads the clock, or under all (`ALL`, after a takeover). Between
slices events are handled, so that a policy change delays no event by more than a
slice. Resources that an event brings meanwhile are judged by the policies there are
now, and the sweep's verdict of them, from before, is not told (`Telling.records`).
"""

import asyncio
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice

ALL = ""
"""Instead of a policy's key: under every policy."""


class Turns:
    """How many slices a process may have under way in all its evaluators: an event waits for no more."""

    def __init__(self, count: int) -> None:
        self._left = count
        self._freed = asyncio.Event()

    def take(self) -> bool:
        """Whether there was one left, which is taken."""
        if not self._left:
            self._freed.clear()
            return False
        self._left -= 1
        return True

    def give_back(self, count: int = 1) -> None:
        """That many are over."""
        self._left += count
        self._freed.set()

    async def freed(self) -> None:
        """Wait, after `take` failed, until it is worth another try."""
        await self._freed.wait()


class Sweeps:
    """The sweeps there are to do, the oldest first."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[str, Iterator[str]]] = deque()

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def add(self, policy: str, keys: Iterable[str]) -> None:
        """Begin a sweep; one that is under way for the same policy is over."""
        self.drop(policy)
        self._waiting.append((policy, iter(keys)))

    def add_some(self, policy: str, keys: Iterable[str]) -> None:
        """Judge some resources again, besides what is under way."""
        self._waiting.append((policy, iter(keys)))

    def drop(self, policy: str) -> None:
        """The policy is gone."""
        self._waiting = deque(entry for entry in self._waiting if entry[0] != policy)

    def slice(self, size: int) -> tuple[str, list[str]]:
        """The policy and the keys of the next slice; without keys, a sweep just ended."""
        policy, keys = self._waiting[0]
        taken = list(islice(keys, size))
        if len(taken) < size:
            self._waiting.popleft()
        return policy, taken

"""What has to be judged again although no event came for it, in slices. Pure.

A sweep goes through the resources that were remembered when it began, under one
policy that changed or reads the clock, or under all (`ALL`, after a takeover). Between
slices events are handled, so that a policy change delays no event by more than a
slice. Resources that an event brings meanwhile are judged by the policies there are
now, and the sweep's verdict of them, from before, is not told (`Telling.records`).
"""

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice

ALL = ""
"""Instead of a policy's key: under every policy."""


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

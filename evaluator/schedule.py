"""When what was judged is judged again with no event. Pure: the time is an argument, in seconds.

Two reasons: a config that could not be had (soon, and then less and less often), and a
policy whose verdicts change by themselves (at a fixed interval).
"""

from collections.abc import Iterator
from dataclasses import dataclass

_Place = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Due:
    """A policy that is to be judged again; on the resources of these keys, or on all (None)."""

    policy: str
    keys: frozenset[str] | None


@dataclass(slots=True)
class _Retry:
    at: float
    wait: float


class Schedule:
    """`first`, `most`: seconds between the attempts for one resource; `every`: of a whole policy."""

    def __init__(self, first: float, most: float, every: float) -> None:
        self._first = first
        self._most = most
        self._every = every
        self._retries: dict[_Place, _Retry] = {}
        self._rounds: dict[str, float] = {}

    def failed(self, policy: str, key: str, now: float, at_least: float = 0.0) -> None:
        """A config of a resource could not be had. `at_least`: seconds that the registry asked for."""
        last = self._retries.get((policy, key))
        wait = min(2 * last.wait, self._most) if last else self._first
        self._retries[policy, key] = _Retry(now + max(wait, at_least), wait)

    def worked(self, policy: str, key: str) -> None:
        """Everything that the policy wanted to know of the resource is known."""
        self._retries.pop((policy, key), None)

    def repeat(self, policy: str, now: float) -> None:
        """Judge all of a policy again, and again."""
        self._rounds[policy] = now + self._every

    def drop_policy(self, policy: str) -> None:
        """It is gone, or another one."""
        self._rounds.pop(policy, None)
        for place in [place for place in self._retries if place[0] == policy]:
            del self._retries[place]

    def due(self, now: float) -> Iterator[Due]:
        """What is to be judged now; each once, until it is told how it went."""
        for policy, at in list(self._rounds.items()):
            if at <= now:
                self._rounds[policy] = now + self._every
                yield Due(policy, None)
        keys: dict[str, set[str]] = {}
        for (policy, key), retry in self._retries.items():
            if retry.at <= now:
                retry.at = now + retry.wait
                keys.setdefault(policy, set()).add(key)
        for policy, some in keys.items():
            yield Due(policy, frozenset(some))

"""Policies set aside because they end their process again and again. Pure: the time is an argument.

Known by engine and text, so that a changed text starts with a clean sheet and the
same text applied again does not. A strike is forgiven after a while, so that a
machine that was overloaded for a minute does not silence a policy for ever.
"""

from dataclasses import dataclass

from evaluator.rego.engine import EngineName
from evaluator.rego.questions import Module

_Key = tuple[EngineName, str]


@dataclass(frozen=True, slots=True)
class _Strikes:
    count: int
    last: float


class Quarantine:
    """Strikes of the `capacity` policies that were struck last."""

    def __init__(self, after: int, cool_down: float, capacity: int = 1024) -> None:
        self._after = after
        self._cool_down = cool_down
        self._capacity = capacity
        self._strikes: dict[_Key, _Strikes] = {}

    def strike(self, module: Module, now: float) -> None:
        """Count a process that this policy ended."""
        key = (module.engine, module.text)
        count = self._count(key, now) + 1
        self._strikes.pop(key, None)  # the youngest is at the end
        self._strikes[key] = _Strikes(count, now)
        if len(self._strikes) > self._capacity:
            del self._strikes[next(iter(self._strikes))]

    def reason(self, module: Module, now: float) -> str:
        """Why a policy is not evaluated; empty where it is."""
        if not self._strikes:
            return ""
        count = self._count((module.engine, module.text), now)
        if count < self._after:
            return ""
        return (
            f"set aside after it ended its process {count} times; change its text, "
            f"or wait {self._cool_down:g} s for another try"
        )

    def aside(self, now: float) -> int:
        """How many policies are set aside."""
        return sum(self._count(key, now) >= self._after for key in self._strikes)

    def _count(self, key: _Key, now: float) -> int:
        """Strikes that still count. One try more, not a clean sheet, after the cool-down."""
        strikes = self._strikes.get(key)
        if strikes is None:
            return 0
        return strikes.count - (now - strikes.last >= self._cool_down)

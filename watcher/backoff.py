"""How long to wait before the next try: longer each time, never in step with others. Pure but for chance."""

import random
from dataclasses import dataclass


@dataclass(slots=True)
class Backoff:
    """Seconds, doubling from `first` to `most`, each with full jitter on its upper half."""

    first: float = 0.5
    most: float = 30.0
    _next: float = 0.0

    def delay(self, at_least: float = 0.0) -> float:
        """The next delay; no less than what the server asked for."""
        base = self._next or self.first
        self._next = min(2 * base, self.most)
        jittered = base * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, guards nothing
        return max(jittered, at_least * random.uniform(1.0, 1.1))  # noqa: S311

    def reset(self) -> None:
        """It worked: begin again."""
        self._next = 0.0

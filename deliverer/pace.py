"""When a subscriber may be sent something again: after it asked for silence, or has failed in a row. Pure."""

from deliverer.backoff import pause
from deliverer.subscriber import Patience


class Pace:
    """Of one subscriber. A few failures are single events' trouble; more in a row are the subscriber's."""

    def __init__(self, patience: Patience, allowed: int) -> None:
        self._patience = patience
        self._allowed = allowed
        self._failures = 0
        self._interval = 0.0
        self._next = 0.0
        self.silent_until = 0.0
        """By the loop's clock."""

    def allow(self, rate: int) -> None:
        """So many requests a minute; 0 for any number."""
        self._interval = 60.0 / rate if rate else 0.0

    def wait(self, now: float) -> float:
        """Seconds until one request may be sent; where there are none, that one is sent."""
        begin = max(self.silent_until, self._next)
        if begin > now:
            return begin - now
        self._next = now + self._interval
        return 0.0

    def succeeded(self) -> None:
        """It is there."""
        self._failures = 0

    def failed(self, now: float, after: float, chance: float) -> None:
        """It is not, or not for this event. `after`: seconds of silence that it asked for."""
        self._failures += 1
        wait = after
        if self._failures > self._allowed:
            wait = max(wait, pause(self._patience, self._failures - self._allowed, chance))
        self.silent_until = max(self.silent_until, now + wait)

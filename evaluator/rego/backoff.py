"""When to try again what could not be reached. Pure: the time is an argument."""

from dataclasses import dataclass


@dataclass(slots=True)
class Backoff:
    """Waits `first` seconds after a failure, twice as long after each further one, at most `most`."""

    first: float = 0.5
    most: float = 30.0
    reason: str = ""
    """Why it failed last; empty where it works."""
    _wait: float = 0.0
    _until: float = 0.0

    def waits(self, now: float) -> bool:
        """Whether it is too early to try."""
        return bool(self.reason) and now < self._until

    def failed(self, reason: str, now: float) -> None:
        """Tell of a failure. Those of calls that were under way together count once."""
        if not self.waits(now):
            self._wait = min(max(2 * self._wait, self.first), self.most)
            self._until = now + self._wait
        self.reason = reason

    def worked(self) -> None:
        """Tell that it was reached."""
        self.reason, self._wait = "", 0.0

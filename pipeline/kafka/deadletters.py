"""How many of the last records could not be read, and when that is too many. Pure."""

from collections import deque

from pipeline.kafka.errors import DeadLettersError

_WINDOW = 1000
_FEW = 20
"""Unreadable records that are never too many: a topic may hold only a handful."""


class DeadLetterShare:
    """Of the last 1,000 records. `limit`: share that may be unreadable."""

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._last: deque[bool] = deque(maxlen=_WINDOW)
        self.total = 0
        """Unreadable records since the start."""

    def good(self, count: int) -> None:
        """So many records were read."""
        self._last.extend([False] * min(count, _WINDOW))

    def bad(self, reason: str) -> None:
        """A record could not be read. Raises DeadLettersError when that was one too many."""
        self.total += 1
        self._last.append(True)
        count = sum(self._last)
        if count > _FEW and count > self._limit * len(self._last):
            raise DeadLettersError(
                f"{count} of the last {len(self._last)} records could not be read, more than "
                f"{self._limit:.0%} (deadletter_share): the last one because {reason}"
            )

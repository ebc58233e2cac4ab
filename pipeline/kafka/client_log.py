"""What Kafka's client writes into its log, once, as lines of ours.

The client logs what it then raises, and what it tries again, each time that it tries: an
unreachable broker is several lines a second. What is raised is told by whoever
handles it; of the rest, a line that was told is told again when a minute is over, with how
many there were.
"""

import logging
import time
from collections.abc import Callable

from pipeline.errors import clip

_log = logging.getLogger(__name__)

_CLIENT = "aiokafka"
_EVERY = 60.0
"""Seconds between two lines of one kind."""
_RAISED = frozenset(
    {
        'Unable connect to "%s:%s": %s',
        'Unable to request metadata from "%s:%s": %s',
        "OffsetCommit failed for group %s due to group error (%s), will rejoin",
        "Sending username and password in the clear",
    }
)
"""Followed by an error that says as much, or that is awaited; the last is what a setting asks for."""


class Relay(logging.Handler):
    """Takes what the client logs. `clock`: seconds, monotonic."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(logging.WARNING)
        self._clock = clock
        self._told: dict[str, float] = {}
        self._untold: dict[str, int] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Tell it, or count it."""
        kind = str(record.msg)
        now = self._clock()
        if kind in _RAISED:
            _log.debug("client: %s", clip(record.getMessage()))
            return
        if now - self._told.get(kind, -_EVERY) < _EVERY:
            self._untold[kind] = self._untold.get(kind, 0) + 1
            return
        self._told[kind] = now
        before = self._untold.pop(kind, 0)
        again = f" (and {before} times like it before)" if before else ""
        _log.warning("client: %s%s", clip(record.getMessage()), again, exc_info=record.exc_info)


def relay() -> None:
    """Have the client's lines told by us, in whatever form our log has."""
    client = logging.getLogger(_CLIENT)
    if not any(isinstance(handler, Relay) for handler in client.handlers):
        client.addHandler(Relay())
        client.propagate = False

"""What becomes of events, in metrics and in the log. Never a body, a URL's path, or a header."""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

from deliverer.answers import Answer, Delivered, Failed, Gone, Refused
from deliverer.ports import Undelivered
from pipeline.events import Event, observed_at
from pipeline.telemetry import catalogue
from pipeline.telemetry.metrics import Metrics

_log = logging.getLogger(__name__)

_RESULTS: dict[type[Answer], str] = {
    Delivered: "delivered",
    Failed: "failed",
    Refused: "refused",
    Gone: "gone",
}


class Observed:
    """See `deliverer.ports.Observer`. Loud: a subscriber that fails, and one that is there again."""

    def __init__(self, metrics: Metrics, now: Callable[[], datetime]) -> None:
        self._metrics = metrics
        self._now = now
        self._failing: set[str] = set()

    def answered(self, subscriber: str, event: Event, answer: Answer, seconds: float) -> None:
        """See the port."""
        self._metrics.count(catalogue.ATTEMPTS, subscriber, _RESULTS[type(answer)])
        self._metrics.observe(catalogue.ATTEMPT, subscriber, value=seconds)
        if isinstance(answer, Failed):
            level = logging.INFO if subscriber in self._failing else logging.WARNING
            self._failing.add(subscriber)
            said = "subscriber %s: %s; trying again"
            _log.log(level, said, subscriber, answer.reason, extra=_fields(subscriber, event))

    def delivered(self, subscriber: str, event: Event) -> None:
        """See the port."""
        age = (self._now() - observed_at(event)).total_seconds()
        self._metrics.observe(catalogue.DELIVERY_LATENCY, subscriber, value=age)
        if subscriber in self._failing:
            self._failing.discard(subscriber)
            _log.warning("subscriber %s takes events again", subscriber)
        _log.debug("delivered", extra=_fields(subscriber, event))

    def gave_up(self, undelivered: Undelivered) -> None:
        """See the port."""
        name = undelivered.subscriber
        self._metrics.count(catalogue.UNDELIVERED, name)
        _log.warning(
            "subscriber %s: %s; given up and kept: `tocsin subscribers undelivered %s`",
            *(name, undelivered.reason, name),
            extra={**_fields(name, undelivered.event), "attempts": undelivered.attempts},
        )

    def passed_over(self, subscriber: str, number: int) -> None:
        """See the port."""
        self._metrics.count(catalogue.FILTERED, subscriber, by=number)


def _fields(subscriber: str, event: Event) -> dict[str, Any]:
    return {"event_id": event.id, "subscriber": subscriber, "resource": event.subject}

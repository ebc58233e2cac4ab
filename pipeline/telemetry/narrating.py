"""What a service writes to its log of each record that it publishes: fields, and how loud.

Never a body: an object may hold secrets. Loud is what somebody has to mend (a policy, a file, an
object that cannot be read), quiet is each verdict that is news, everything else is for debugging.
"""

import logging
from typing import assert_never

from pipeline.bus import Record
from pipeline.errors import clip
from pipeline.events import (
    Event,
    Outcome,
    PolicyApplied,
    PolicyChecked,
    ResourceApplied,
    SourceFailed,
    Verdict,
)
from pipeline.waivers import WaiverApplied

_logger = logging.getLogger(__name__)


def narrate(record: Record) -> None:
    """Write the line for a record."""
    if record.event is None:
        _logger.debug("gone", extra={"topic": record.topic.value, "key": record.key})
        return
    level, said, fields = _line(record.event)
    if _logger.isEnabledFor(level):
        _logger.log(level, said, extra={"event_id": record.event.id, "key": record.key, **fields})


def _line(event: Event) -> tuple[int, str, dict[str, str]]:
    match event.data:
        case Verdict() as verdict:
            fields = {
                "cluster": verdict.cluster,
                "resource": event.subject,
                "policy": verdict.policy.name,
                "outcome": verdict.outcome.value,
                "change": verdict.change.value,
                **({"waiver": verdict.waiver.name} if verdict.waiver else {}),
            }
            return (logging.DEBUG if verdict.outcome is Outcome.PASS else logging.INFO), "verdict", fields
        case PolicyChecked() as checked:
            fields = {"cluster": checked.cluster, "policy": checked.policy.name, "engine": checked.engine}
            problem = checked.error or checked.unsupported
            said = (logging.WARNING, "policy does not work") if problem else (logging.INFO, "policy loaded")
            return *said, {**fields, **({"problem": clip(problem)} if problem else {})}
        case SourceFailed() as failed:
            return (
                logging.WARNING,
                "unreadable",
                {"cluster": failed.cluster, "problem": clip(failed.message)},
            )
        case ResourceApplied() as resource:
            return logging.DEBUG, "resource", {"cluster": resource.cluster, "resource": event.subject}
        case PolicyApplied() as policy:
            return logging.DEBUG, "policy", {"cluster": policy.cluster, "policy": policy.name}
        case WaiverApplied() as waiver:
            fields = {"cluster": waiver.cluster, "waiver": waiver.name, "expires": waiver.expires.isoformat()}
            return logging.INFO, "waiver", fields
        case _:
            assert_never(event.data)

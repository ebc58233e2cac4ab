"""What `tocsin run` tells on its terminal: a line for each change somebody may want to know."""

from typing import TextIO

from cli.render.text import printable
from pipeline.bus import Consumer, Record
from pipeline.events import Change, Outcome, PolicyChecked, SourceFailed, Topic, Verdict, subject_of

TOPICS = (Topic.VERDICTS, Topic.DEADLETTERS)
_BATCH = 256


async def ring(consumer: Consumer, out: TextIO) -> None:
    """Write a line for each change, to the end of the log."""
    while (delivery := await consumer.receive(_BATCH)).records:
        for record in delivery.records:
            if line := line_of(record):
                out.write(f"{printable(line)}\n")
        out.flush()
        await consumer.acknowledge(delivery)


def line_of(record: Record) -> str:
    """The line for a record; empty for what is no news, such as a first pass."""
    if record.event is None:
        return f"read again  {record.key}" if record.topic is Topic.DEADLETTERS else ""
    match record.event.data:
        case Verdict() as verdict:
            return _verdict_line(verdict)
        case PolicyChecked() as checked if checked.error or checked.unsupported:
            return f"error  policy {checked.policy.name}: {checked.error or checked.unsupported}"
        case SourceFailed() as failed:
            place = f" document {failed.document}" if failed.document else ""
            return f"error  {failed.file}{place}: {failed.message}"
        case _:
            return ""


def _verdict_line(verdict: Verdict) -> str:
    if verdict.outcome is Outcome.PASS and verdict.change is Change.NEW:
        return ""
    said = (verdict.reason or "").replace("_", " ") or verdict.message or verdict.warning or "compliant"
    return f"{verdict.outcome}  {subject_of(verdict.resource)}  {verdict.policy.name}: {said}"

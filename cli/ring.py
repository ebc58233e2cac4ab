"""What `tocsin run` tells on its terminal: a line for each change somebody may want to know."""

from collections.abc import Iterable
from typing import TextIO

from cli.render.text import printable
from pipeline.bus import Consumer, Record
from pipeline.events import Outcome, PolicyChecked, SourceFailed, Topic, Verdict, subject_of

TOPICS = (Topic.VERDICTS, Topic.DEADLETTERS)
_BATCH = 256


class Ring:
    """Remembers what it rang for, so that it tells when that is over. `known`: keys of earlier runs."""

    def __init__(self, out: TextIO, known: Iterable[str] = ()) -> None:
        self._out = out
        self._ringing = set(known)

    async def ring(self, consumer: Consumer) -> None:
        """Write a line for each change, to the end of the log."""
        while (delivery := await consumer.receive(_BATCH)).records:
            for record in delivery.records:
                if line := self.line_of(record):
                    self._out.write(f"{printable(line)}\n")
            self._out.flush()
            await consumer.acknowledge(delivery)

    def line_of(self, record: Record) -> str:
        """The line for a record; empty for what is no news, such as a first pass."""
        if record.event is None:
            return f"read again  {record.key}" if record.topic is Topic.DEADLETTERS else ""
        match record.event.data:
            case Verdict() as verdict:
                return self._verdict_line(record.key, verdict)
            case PolicyChecked() as checked if checked.error or checked.unsupported:
                return f"error  policy {checked.policy.name}: {checked.error or checked.unsupported}"
            case SourceFailed() as failed:
                place = f" document {failed.document}" if failed.document else ""
                return f"error  {failed.file}{place}: {failed.message}"
            case _:
                return ""

    def _verdict_line(self, key: str, verdict: Verdict) -> str:
        rang = key in self._ringing
        if is_news(verdict.outcome):
            self._ringing.add(key)
        else:
            self._ringing.discard(key)
            if not rang:
                return ""
        return _said(verdict)


def is_news(outcome: Outcome) -> bool:
    """Whether to ring for it: anything but a pass, and the end of what was rung for."""
    return outcome in {Outcome.FAIL, Outcome.WARN, Outcome.ERROR}


def _said(verdict: Verdict) -> str:
    said = (verdict.reason or "").replace("_", " ") or verdict.message or verdict.warning or "compliant"
    return f"{verdict.outcome}  {subject_of(verdict.resource)}  {verdict.policy.name}: {said}"

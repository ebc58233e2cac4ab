"""What `tocsin run` tells on its terminal: a line for each change somebody may want to know."""

from collections.abc import Iterable
from typing import TextIO

from cli.render.text import printable
from pipeline.bus import Consumer, Record
from pipeline.events import Outcome, PolicyChecked, SourceFailed, Topic, Verdict, subject_of

TOPICS = (Topic.VERDICTS, Topic.DEADLETTERS)
_BATCH = 256


class Ring:
    """Remembers what it rang for, so that it tells when that is over. `known`: keys of earlier runs.

    Verdicts are data and go to `out`; what is wrong with policies and files goes to `talk`
    (None: where the log in JSON says it).
    """

    def __init__(self, out: TextIO, talk: TextIO | None, known: Iterable[str] = ()) -> None:
        self._out = out
        self._talk = talk
        self._ringing = set(known)
        self._broken: dict[str, str] = {}

    async def ring(self, consumer: Consumer) -> None:
        """Write a line for each change, to the end of the log."""
        while (delivery := await consumer.receive(_BATCH)).records:
            for record in delivery.records:
                self.take(record)
            self._out.flush()
            if self._talk is not None:
                self._talk.flush()
            await consumer.acknowledge(delivery)

    def take(self, record: Record) -> None:
        """Write the line for a record; none for what is no news, such as a first pass."""
        if record.event is None:
            if record.topic is Topic.DEADLETTERS:
                self._say(f"read again: {_place(record.key)}")
            return
        match record.event.data:
            case Verdict() as verdict:
                self._verdict(record.key, verdict)
            case PolicyChecked() as checked:
                self._policy(checked)
            case SourceFailed() as failed:
                self._say(f"error: {failed.message}")
            case _:
                return

    def _verdict(self, key: str, verdict: Verdict) -> None:
        if verdict.outcome is Outcome.ERROR and verdict.message == self._broken.get(verdict.policy.name):
            return  # the policy's trouble was told once, not once for each resource
        rang = key in self._ringing
        if is_news(verdict):
            self._ringing.add(key)
        else:
            self._ringing.discard(key)
            if not rang:
                return
        self._out.write(f"{printable(_said(verdict))}\n")

    def _policy(self, checked: PolicyChecked) -> None:
        name, problem = checked.policy.name, checked.error or checked.unsupported
        if problem:
            self._broken[name] = problem
            self._say(f"error: policy {name}: {problem}")
        elif self._broken.pop(name, ""):
            self._say(f"policy {name} works again")

    def _say(self, line: str) -> None:
        if self._talk is not None:
            self._talk.write(f"{printable(line)}\n")


def _place(key: str) -> str:
    """The file in the key of a dead letter, `cluster/file#document`."""
    return key.partition("/")[2].rpartition("#")[0]


def is_news(verdict: Verdict) -> bool:
    """Whether to ring for it, and again when it is over. What is waived is over for now."""
    return verdict.waiver is None and verdict.outcome in {Outcome.FAIL, Outcome.WARN, Outcome.ERROR}


def outlives_a_run(verdict: Verdict) -> bool:
    """Whether the next run tells the end of it. Errors of a broken policy are too many, and all the same."""
    return is_news(verdict) and verdict.outcome is not Outcome.ERROR


def _said(verdict: Verdict) -> str:
    if waiver := verdict.waiver:
        said = f"{waiver.name} ({waiver.owner}) until {waiver.expires:%Y-%m-%d %H:%M} UTC: {waiver.reason}"
        return f"waived  {subject_of(verdict.resource)}  {verdict.policy.name}: {said}"
    reason = "image removed" if verdict.image_removed else (verdict.reason or "").replace("_", " ")
    said = reason or verdict.message or verdict.warning or "compliant"
    return f"{verdict.outcome}  {subject_of(verdict.resource)}  {verdict.policy.name}: {said}"

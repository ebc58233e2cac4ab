"""Verdicts in the order of the log, folded into what the tables say after them. Pure.

A verdict that was folded before is recognised by its event id and changes nothing,
so that a log may be delivered again.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import assert_never

from pipeline.events import Event, Outcome, Verdict, is_final
from sink.rows import Row, reopened, resolved, seen, unwaived, verdict_row, violation_row, waived
from sink.spans import Before, Continues, Opens, Resolution, Resolves, Unwaives, Waives, has_returned, step


@dataclass(slots=True)
class Fold:
    """`last`: event id of the last verdict by key. `open`: rows of open violations by verdict key.

    `waived`: rows of those that a waiver covers, likewise.
    """

    last: dict[str, str]
    open: dict[str, Row]
    waived: dict[str, Row]
    verdicts: dict[str, Row] = field(default_factory=dict)
    """To write, by key."""
    ended: set[str] = field(default_factory=set)
    """Keys of verdicts to delete: nothing will ever follow them."""
    violations: dict[str, Row] = field(default_factory=dict)
    """To write, by id, in this order: a span is closed before the next of its key opens."""
    news: set[str] = field(default_factory=set)
    """Ids of those that opened, went on or ended; the others were waived before and are written anew."""

    def add(self, key: str, event: Event, verdict: Verdict) -> None:
        """Take the next verdict of a key."""
        if self.last.get(key) == event.id:
            return
        self.last[key] = event.id
        self._span(key, event, verdict)
        if is_final(verdict):
            self.ended.add(key)
            self.verdicts.pop(key, None)
        else:
            self.ended.discard(key)
            self.verdicts[key] = verdict_row(key, event, verdict)

    def _span(self, key: str, event: Event, verdict: Verdict) -> None:
        self._tell_apart(key, verdict)
        row = self.open.get(key) or self.waived.get(key)
        move, at = step(verdict, self._before(key), row["policy_digest"] if row else ""), verdict.evaluated_at
        match move:
            case None:
                return
            case Opens():
                row = self.open[key] = violation_row(key, event, verdict)
            case Continues():
                row = self.open[key] = {**self.open[key], **seen(verdict)}
            case Resolves(resolution):
                row = resolved(self.open.pop(key), resolution.value, at)
            case Waives():
                self._waive(key, event, verdict)
                return
            case Unwaives(resolution):
                ended = self._unwaive(key, resolution.value if resolution else None, at)
                if resolution is not None:
                    return
                is_back = verdict.outcome is not Outcome.ERROR
                row = violation_row(key, event, verdict) if is_back else reopened(ended, event, at)
                self.open[key] = row
            case _:
                assert_never(move)
        self._tell(row)

    def _tell_apart(self, key: str, verdict: Verdict) -> None:
        """A key that has an open span and a waived one, by a sink of a release that knew no waivers.

        To that, what was waived was open from its next verdict on: there, the waived one came back.
        """
        says = verdict.outcome is not Outcome.ERROR or verdict.waived_before or has_returned(verdict)
        if says and key in self.open and key in self.waived:
            self._unwaive(key, None, self.open[key]["opened_at"])

    def _waive(self, key: str, event: Event, verdict: Verdict) -> None:
        """A span that is waived from now on, be it that it was never open; or one that still is.

        An error has seen nothing: it only says what covers the span.
        """
        ref, saw = verdict.waiver or verdict.waived_before, verdict.outcome is not Outcome.ERROR
        covered = {**(seen(verdict) if saw else {}), **(waived(ref) if ref else {})}
        if known := self.waived.get(key):
            self.waived[key] = self.violations[known["id"]] = {**known, **covered}
            return
        row = self.open.pop(key, None) or violation_row(key, event, verdict)
        self.waived[key] = {**resolved(row, Resolution.WAIVED.value, verdict.evaluated_at), **covered}
        self._tell(self.waived[key])

    def _unwaive(self, key: str, resolution: str | None, at: datetime) -> Row:
        ended = unwaived(self.waived.pop(key), resolution, at)
        self.violations[ended["id"]] = ended
        return ended

    def _tell(self, row: Row) -> None:
        self.violations[row["id"]] = row
        self.news.add(row["id"])

    def _before(self, key: str) -> Before:
        if key in self.open:
            return Before.OPEN
        return Before.WAIVED if key in self.waived else Before.NOTHING


def fold(
    events: Iterable[tuple[str, Event, Verdict]],
    last: Mapping[str, str],
    open_: Mapping[str, Row],
    waived: Mapping[str, Row],
) -> Fold:
    """Fold verdicts into what the tables say before them."""
    result = Fold(dict(last), dict(open_), dict(waived))
    for key, event, verdict in events:
        result.add(key, event, verdict)
    return result

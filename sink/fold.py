"""Verdicts in the order of the log, folded into what the tables say after them. Pure.

A verdict that was folded before is recognised by its event id and changes nothing,
so that a log may be delivered again.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import assert_never

from pipeline.events import Event, Verdict, is_final
from sink.rows import Row, resolved, seen, verdict_row, violation_row
from sink.spans import Continues, Opens, Resolves, step


@dataclass(slots=True)
class Fold:
    """`last`: event id of the last verdict by key. `open`: rows of open violations by verdict key."""

    last: dict[str, str]
    open: dict[str, Row]
    verdicts: dict[str, Row] = field(default_factory=dict)
    """To write, by key."""
    ended: set[str] = field(default_factory=set)
    """Keys of verdicts to delete: nothing will ever follow them."""
    violations: dict[str, Row] = field(default_factory=dict)
    """To write, by id, in this order: a span is closed before the next of its key opens."""

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
        row = self.open.get(key)
        digest = row["policy_digest"] if row else ""
        move = step(verdict, is_open=row is not None, policy_digest=digest)
        match move:
            case None:
                return
            case Opens():
                row = self.open[key] = violation_row(key, event, verdict)
            case Continues():
                row = self.open[key] = {**self.open[key], **seen(verdict)}
            case Resolves(resolution):
                row = resolved(self.open.pop(key), resolution.value, verdict.evaluated_at)
            case _:
                assert_never(move)
        self.violations[row["id"]] = row


def fold(
    events: Iterable[tuple[str, Event, Verdict]], last: Mapping[str, str], open_: Mapping[str, Row]
) -> Fold:
    """Fold verdicts into what the tables say before them."""
    result = Fold(dict(last), dict(open_))
    for key, event, verdict in events:
        result.add(key, event, verdict)
    return result

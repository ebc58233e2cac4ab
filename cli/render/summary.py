"""A summary of violations: counts, and whether there get fewer."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from typing import TextIO

from cli.options import ShowFormat
from cli.render import json_text, yaml_text
from cli.render.columns import Column, age, write_columns
from cli.render.fields import Field, write_fields
from sink.queries.model import Count, Period, Summary

_NUMBERS = (Column("OPEN"), Column("ENFORCE"))


def write_summary(summary: Summary, top: int, output: ShowFormat, out: TextIO) -> None:
    """Write it in the format asked for; the table shows the first `top` names of each list."""
    match output:
        case ShowFormat.JSON:
            json_text.stream(summary, out.buffer)
        case ShowFormat.YAML:
            yaml_text.write_item(summary, out.buffer)
        case _:
            write_fields(_fields(summary), out)
            for heading, counts in _lists(summary):
                _write_counts(heading, counts, top, out)
    out.flush()


def _lists(summary: Summary) -> Iterator[tuple[str, Sequence[Count]]]:
    yield "POLICY", summary.policies
    yield "NAMESPACE", summary.namespaces
    yield "SEVERITY", summary.severities


def _fields(summary: Summary) -> Iterator[Field]:
    now, before, first = summary.period, summary.before, summary.recorded_since

    def beside(this: object, that: object) -> str:
        return f"{this}" if first else f"{this} (the period before: {that})"

    yield "Open", f"{summary.open} ({summary.enforce} in mode enforce){'' if first else _trend(now, before)}"
    yield "Waived", _waived(summary)
    recorded = f", recorded since {first:%Y-%m-%d %H:%M}" if first else ""
    yield "Period", f"{now.since:%Y-%m-%d %H:%M} to {now.until:%Y-%m-%d %H:%M} UTC{recorded}"
    yield "Opened", beside(now.opened, before.opened)
    yield "Resolved", f"{beside(now.resolved, before.resolved)}{_how(now.resolutions)}"
    yield "Mean time to fix", beside(_time(now), _time(before))


def _waived(summary: Summary) -> str:
    if not summary.waived:
        return ""
    over = summary.waived_expired
    return f"{summary.waived}{f' ({over} by waivers that are over)' if over else ''}"


def _trend(now: Period, before: Period) -> str:
    change = now.open_at_end - before.open_at_end
    if change == 0:
        return ", as many as when the period began"
    return f", {abs(change)} {'more' if change > 0 else 'fewer'} than when the period began"


def _how(resolutions: dict[str, int]) -> str:
    named = ", ".join(f"{how} {count}" for how, count in resolutions.items())
    return f": {named}" if named else ""


def _time(period: Period) -> str:
    seconds = period.mean_seconds_to_fix
    return "none fixed" if seconds is None else age(timedelta(seconds=seconds))


def _write_counts(heading: str, counts: Sequence[Count], top: int, out: TextIO) -> None:
    if not counts:
        return
    out.write("\n")
    write_columns((Column(heading, wraps=True), *_NUMBERS), _rows(counts, top), out)


def _rows(counts: Sequence[Count], top: int) -> Iterable[tuple[str, str, str]]:
    for count in counts[:top]:
        yield count.name, str(count.violations), str(count.enforce)
    rest = counts[top:]
    if rest:
        sums = (sum(each.violations for each in rest), sum(each.enforce for each in rest))
        yield f"({len(rest)} more)", str(sums[0]), str(sums[1])

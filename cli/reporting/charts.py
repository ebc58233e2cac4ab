"""Charts as SVG geometry, in a square of 100 by 100 that the page stretches. Pure.

Text is not in them: it would be stretched, too. The page puts it beside them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count

from cli.reporting.words import number
from sink.queries.report_model import Point, Report

_SIZE = 100.0
_TICKS = 4
_LABELS = 5
_GAP = 0.18
"""Of a bar's width, on each side."""

_LEAST = 0.6
"""Height of a bar that is not nothing."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One part of the period: where it is, and what is drawn there."""

    x: float
    width: float
    slot_x: float
    slot_width: float
    opened: float
    """Height above the middle."""
    resolved: float
    """Depth below it."""
    title: str


@dataclass(frozen=True, slots=True)
class Trend:
    """The chart of what was open, and below it what opened and ended."""

    open_line: str
    open_area: str
    enforce_line: str
    end_x: float
    end_open: float
    end_enforce: float
    grid: Sequence[float]
    y_labels: Sequence[str]
    """From the top."""
    flow_labels: Sequence[str]
    x_labels: Sequence[str]
    bars: Sequence[Bar]


def trend(report: Report) -> Trend:
    """Of a report with at least one point."""
    points = report.points
    first, last = points[0], points[-1]
    moments = [first.since, *(point.until for point in points)]
    whole = (last.until - first.since) / timedelta(seconds=1)
    xs = [(moment - first.since) / timedelta(seconds=1) / whole * _SIZE for moment in moments]
    opens = [report.open_at_start, *(point.open for point in points)]
    enforces = [report.enforce_at_start, *(point.enforce for point in points)]
    ticks = scale(max(opens))
    flow = _rounded_up(max(max(point.opened, point.resolved) for point in points))
    line = [(x, _y(value, ticks[-1])) for x, value in zip(xs, opens, strict=True)]
    return Trend(
        open_line=_path(line),
        open_area=f"{_path(line)}V{_SIZE:g}H0Z",
        enforce_line=_path([(x, _y(value, ticks[-1])) for x, value in zip(xs, enforces, strict=True)]),
        end_x=_SIZE,
        end_open=line[-1][1],
        end_enforce=_y(enforces[-1], ticks[-1]),
        grid=[_y(tick, ticks[-1]) for tick in reversed(ticks)],
        y_labels=[number(tick) for tick in reversed(ticks)],
        flow_labels=[number(flow), "0", number(flow)],
        x_labels=list(_dates(first.since, last.until)),
        bars=list(_bars(points, xs, flow)),
    )


def scale(largest: int) -> list[int]:
    """Round numbers from 0 to at least `largest`, a few steps apart."""
    steps = (factor * 10**power for power in count() for factor in (1, 2, 5))
    step = next(step for step in steps if step * _TICKS >= largest)
    return list(range(0, max(largest, 1) + step, step))[: max(1, -(-largest // step)) + 1]


def _rounded_up(value: int) -> int:
    unit = int("1" + "0" * (len(str(value)) - 2))
    return max(1, -(-value // unit) * unit)


def share(part: int, whole: int) -> float:
    """A part as a length of 100; something is never drawn as nothing."""
    return round(max(_SIZE * part / whole, _LEAST), 2) if part and whole else 0.0


def _y(value: int, top: int) -> float:
    return round(_SIZE - _SIZE * value / top, 2)


def _path(found: Iterable[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.2f} {y:.2f}" for x, y in found)


def _bars(points: Sequence[Point], xs: Sequence[float], top: int) -> Iterable[Bar]:
    for index, point in enumerate(points):
        left, width = xs[index], xs[index + 1] - xs[index]
        yield Bar(
            x=round(left + width * _GAP, 2),
            width=round(width * (1 - 2 * _GAP), 2),
            slot_x=round(left, 2),
            slot_width=round(width, 2),
            opened=share(point.opened, top) / 2,
            resolved=share(point.resolved, top) / 2,
            title=(
                f"until {moment(point.until)}: {number(point.open)} open ({number(point.enforce)} in mode "
                f"enforce), {number(point.opened)} opened, {number(point.resolved)} resolved"
            ),
        )


def moment(at: datetime) -> str:
    """`24 Nov 22:58`."""
    return f"{at.day} {at:%b %H:%M}"


def _dates(since: datetime, until: datetime) -> Iterable[str]:
    length = until - since
    for index in range(_LABELS):
        at = since + length * index / (_LABELS - 1)
        if length <= timedelta(days=3):
            yield moment(at)
        else:
            yield f"{at.day} {at:%b}" if length <= timedelta(days=300) else f"{at:%b %Y}"

"""A report's numbers, times and sentences, the same on every form of it. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cli.render import text
from sink.queries.report_model import Report, Share

_MINUTE = 60
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR
_TWO_DIGITS = 10
MINUS = "\u2212"

NOTHING = "Nothing has been audited yet"
CLEAN = "No open violations"
NOTHING_OF_THIS = "Nothing is recorded of what was asked for"
HOW_TO_BEGIN = "The database holds no resource and no violation: tocsin scan or tocsin run into it fills it."

RESOLUTIONS = {
    "fixed": "fixed",
    "resource_deleted": "the resource was deleted",
    "policy_deleted": "the policy was deleted",
    "policy_changed": "the policy was changed",
    "out_of_scope": "the policy does not apply any more",
    "waived": "waived",
}
_SEVERITIES = ("critical", "high", "medium", "low", "info")


class Tone(StrEnum):
    """Whether news is good."""

    GOOD = "good"
    BAD = "bad"
    PLAIN = "plain"


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the cluster stands: what comes first on every report."""

    headline: str
    tone: Tone
    trend: str
    """Whether it gets better; empty where there is nothing to compare with."""
    enforced: str
    """Empty where there is none."""


def number(value: int) -> str:
    """`12,345`."""
    return f"{value:,}"


def counted(value: int, noun: str) -> str:
    """`1 policy`, `4,000 policies`."""
    return f"{value:,} {text.counted(value, noun).partition(' ')[2]}"


def change(share: Share) -> str:
    """What the period did to the open ones: `+12`, `-3` with a true minus, `0`."""
    net = share.opened - share.resolved
    return f"{'+' if net > 0 else MINUS if net < 0 else ''}{abs(net):,}"


def tone(net: int) -> Tone:
    """Of so many more open violations."""
    return Tone.BAD if net > 0 else Tone.GOOD if net < 0 else Tone.PLAIN


def lasting(seconds: float | None) -> str:
    """A mean duration as people say it: `45 s`, `12 min`, `7.5 h`, `3.2 days`."""
    if seconds is None:
        return "\u2013"
    for limit, unit, name in ((_MINUTE, 1, "s"), (_HOUR, _MINUTE, "min"), (2 * _DAY, _HOUR, "h")):
        if seconds < limit:
            return f"{_rounded(seconds / unit)} {name}"
    return f"{_rounded(seconds / _DAY)} days"


def _rounded(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0") if value < _TWO_DIGITS else f"{value:,.0f}"


def ago(moment: datetime, now: datetime) -> str:
    """An age in whole units of the largest that fits twice: `12 minutes`, `3 hours`, `5 days`."""
    count, unit = _age(moment, now)
    return counted(count, unit)


def age(moment: datetime, now: datetime) -> str:
    """The same for a column: `12 min`, `3 h`, `5 d`."""
    count, unit = _age(moment, now)
    return f"{count:,} {_SHORT[unit]}"


_SHORT = {"minute": "min", "hour": "h", "day": "d"}


def _age(moment: datetime, now: datetime) -> tuple[int, str]:
    seconds = max(0, int((now - moment).total_seconds()))
    for limit, unit, name in ((2 * _HOUR, _MINUTE, "minute"), (2 * _DAY, _HOUR, "hour")):
        if seconds < limit:
            return seconds // unit, name
    return seconds // _DAY, "day"


def day(moment: datetime) -> str:
    """`24 Nov 2026`."""
    return f"{moment.day} {moment:%b %Y}"


def minute(moment: datetime) -> str:
    """`24 Nov 2026, 22:58 UTC`."""
    return f"{day(moment)}, {moment:%H:%M} UTC"


def percent(part: int, whole: int) -> str:
    """Whole percents, but never 0 % of something and never 100 % of less than all."""
    if not whole:
        return "\u2013"
    share = 100 * part / whole
    if 0 < share < 1:
        return "< 1 %"
    if 99 < share < 100:  # noqa: PLR2004 - percents
        return "> 99 %"
    return f"{share:.0f} %"


def is_empty(report: Report) -> bool:
    """Whether nothing was recorded yet."""
    return report.recorded_since is None


def compares(report: Report, since: datetime) -> bool:
    """Whether the record goes back to `since`, so that then can be compared with now."""
    return report.recorded_since is not None and report.recorded_since <= since


def standing(report: Report, since: datetime, now: datetime, *, narrowed: bool) -> Standing:
    """The first words. `since`: begin of the period that was asked for; `narrowed`: so was less than all."""
    if is_empty(report):
        return Standing(NOTHING_OF_THIS if narrowed else NOTHING, Tone.PLAIN, "", "")
    summary = report.summary
    is_clean = summary.open == 0
    headline = CLEAN if is_clean else counted(summary.open, "open violation")
    enforced = ""
    if summary.enforce:
        enforced = f"{summary.enforce:,} of policies in mode enforce: admission would have refused these."
    if not compares(report, since):
        return Standing(headline, Tone.GOOD if is_clean else Tone.PLAIN, "", enforced)
    net = summary.open - summary.before.open_at_end
    then = f"{ago(since, now)} ago"
    trend = f"{abs(net):,} {'more' if net > 0 else 'fewer'} than {then}" if net else f"as many as {then}"
    return Standing(headline, tone(net), trend, enforced)


def still_open(found: Sequence[Share]) -> list[Share]:
    """Those with open violations; the others only had some in the period."""
    return [each for each in found if each.open]


def by_severity(found: Sequence[Share]) -> list[Share]:
    """The most severe first, then words that nobody knows, then none."""
    order = {name: place for place, name in enumerate(_SEVERITIES)}
    rest = len(order)
    return sorted(found, key=lambda each: (order.get(each.name, rest + (each.name == "none")), each.name))

"""A point in time as users write it: an age, a day, or a date."""

import re
from datetime import UTC, datetime, timedelta

from pipeline.errors import UsageError, clip

_AGE = re.compile(r"(?:\d{1,9}[smhdw])+")
_PART = re.compile(r"(\d+)([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_DAYS = {"today": 0, "yesterday": 1}


def parse_age(text: str, flag: str) -> timedelta:
    """`90d`, `1h30m`. Raises UsageError."""
    if not _AGE.fullmatch(text):
        raise UsageError(f"{flag} {clip(text)!r}: expected an age such as 30m, 12h, 1d12h or 90d")
    try:
        return sum(
            (timedelta(**{_UNITS[unit]: int(number)}) for number, unit in _PART.findall(text)), timedelta()
        )
    except OverflowError:
        return timedelta.max


def parse_time(text: str, now: datetime, flag: str) -> datetime:
    """`30m`, `1d12h` (before `now`), `yesterday`, `2026-03-01`, `2026-03-01T08:00Z`; UTC without a zone.

    Raises UsageError.
    """
    if _AGE.fullmatch(text):
        try:
            return now - parse_age(text, flag)
        except OverflowError:
            return datetime.min.replace(tzinfo=UTC)
    if text.lower() in _DAYS:
        midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        return midnight - timedelta(days=_DAYS[text.lower()])
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError as error:
        raise UsageError(f"{flag} {clip(text)!r}: in UTC that is before the year 1 or after 9999") from error
    except ValueError as error:
        raise UsageError(
            f"{flag} {clip(text)!r}: expected an age such as 30m, 1d12h or 7d, today, yesterday, "
            "or a date such as 2026-03-01 or 2026-03-01T08:00Z"
        ) from error

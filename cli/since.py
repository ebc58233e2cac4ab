"""A point in the past as users write it: an age, or a date."""

import re
from datetime import UTC, datetime, timedelta

from pipeline.errors import UsageError, clip

_AGE = re.compile(r"(\d{1,9})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def parse_since(text: str, now: datetime) -> datetime:
    """`30m`, `7d` (before `now`), `2026-03-01` or `2026-03-01T08:00Z`; UTC where no zone is named."""
    if age := _AGE.fullmatch(text):
        try:
            return now - timedelta(**{_UNITS[age[2]]: int(age[1])})
        except OverflowError:
            return datetime.min.replace(tzinfo=UTC)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(
            f"--since {clip(text)!r}: expected an age such as 30m, 12h or 7d, or a date such as 2026-03-01"
        ) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)

"""Points in time as users write them. Not covered: what is asked with them (`tests/e2e/test_queries`)."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.since import parse_time
from pipeline.errors import UsageError

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-01T08:00+02:00", datetime(2026, 3, 1, 6, tzinfo=UTC)),
        ("2026-03-01", datetime(2026, 3, 1, tzinfo=UTC)),
        ("1d12h", NOW - timedelta(days=1, hours=12)),
        ("yesterday", datetime(2026, 3, 9, tzinfo=UTC)),
        ("0001-01-01T05:00+05:00", datetime.min.replace(tzinfo=UTC)),
    ],
)
def test_a_time_is_in_utc(text: str, expected: datetime) -> None:
    found = parse_time(text, NOW, "--since")
    assert (found, found.tzinfo) == (expected, UTC)


@pytest.mark.parametrize("text", ["0001-01-01T00:00+05:00", "9999-12-31T23:59-05:00"])
def test_a_time_that_no_year_of_utc_has_is_wrong_usage(text: str) -> None:
    with pytest.raises(UsageError, match=r"^--since .*before the year 1 or after 9999") as caught:
        parse_time(text, NOW, "--since")
    assert "\n" not in str(caught.value)


@given(st.datetimes(timezones=st.timezones() | st.none()).map(datetime.isoformat) | st.text(max_size=12))
def test_whatever_is_written_is_a_time_in_utc_or_wrong_usage(text: str) -> None:
    with suppress(UsageError):
        assert parse_time(text, NOW, "--until").tzinfo is UTC

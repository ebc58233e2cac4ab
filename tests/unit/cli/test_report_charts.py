"""Numbers, times and geometry of a report.

Not covered: how they look (`tests/integration/report`).
"""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.reporting import charts, words

NOW = datetime(2026, 11, 24, 22, 58, tzinfo=UTC)


@given(st.integers(0, 10**9))
def test_a_scale_has_few_round_steps_and_room_for_the_largest(largest: int) -> None:
    found = charts.scale(largest)
    step = found[1]
    assert 2 <= len(found) <= 5
    assert str(step).rstrip("0") in {"1", "2", "5"}
    assert found == [step * place for place in range(len(found))]
    assert found[-2] < max(largest, 1) <= found[-1]


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_something_is_never_drawn_as_nothing(part: int, more: int) -> None:
    found = charts.share(part, part + more)
    assert (found > 0) is (part > 0)
    assert found <= 100


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_all_is_all_and_none_is_none(part: int, more: int) -> None:
    whole = part + more
    said = words.percent(part, whole)
    assert (said == "100 %") is (part == whole > 0)
    assert (said == "0 %") is (part == 0 < whole)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (None, "\u2013"),
        (45, "45 s"),
        (90, "1.5 min"),
        (5400, "1.5 h"),
        (40 * 3600, "40 h"),
        (3 * 86400, "3 days"),
    ],
)
def test_a_mean_is_said_as_people_do(seconds: float | None, said: str) -> None:
    assert words.lasting(seconds) == said


@pytest.mark.parametrize(
    ("age", "long", "short"),
    [
        (timedelta(0), "0 minutes", "0 min"),
        (timedelta(minutes=1), "1 minute", "1 min"),
        (timedelta(hours=2), "2 hours", "2 h"),
        (timedelta(days=30), "30 days", "30 d"),
        (timedelta(seconds=-5), "0 minutes", "0 min"),
    ],
)
def test_an_age_is_in_whole_units(age: timedelta, long: str, short: str) -> None:
    assert (words.ago(NOW - age, NOW), words.age(NOW - age, NOW)) == (long, short)

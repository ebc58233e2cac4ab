"""What answers mean, and how long to wait after them."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deliverer.answers import (
    LONGEST_RETRY_AFTER,
    Delivered,
    Failed,
    Gone,
    Refused,
    answer_of,
    retry_after,
)
from deliverer.backoff import is_over, pause
from deliverer.pace import Pace
from deliverer.subscriber import Patience

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


@given(st.integers(100, 999))
def test_every_status_means_one_thing(status: int) -> None:
    kind = type(answer_of(status, {}, NOW))
    if 200 <= status < 300:
        assert kind is Delivered
    elif status == 410:
        assert kind is Gone
    elif status in (408, 425, 429) or 500 <= status < 600:
        assert kind is Failed
    elif 300 <= status < 500:
        assert kind is Refused
    else:
        assert kind is Failed


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_a_subscriber_may_say_when(status: int) -> None:
    answer = answer_of(status, {"Retry-After": "17"}, NOW)
    assert isinstance(answer, Failed)
    assert (answer.after, answer.status) == (17.0, status)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("30", 30.0),
        (" 30 ", 30.0),
        ("999999999", LONGEST_RETRY_AFTER),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90.0),
        (format_datetime(NOW + timedelta(days=90), usegmt=True), LONGEST_RETRY_AFTER),
        (format_datetime(NOW - timedelta(days=1), usegmt=True), 0.0),
        ("Saturday, 28-Nov-26 12:01:30 GMT", 90.0),
        ("", 0.0),
        ("soon", 0.0),
        ("-5", 0.0),
        ("1.5", 0.0),
        ("9999999999999999999999", 0.0),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_believed_for_an_hour(text: str, seconds: float) -> None:
    assert retry_after(text, NOW) == seconds


@given(st.text())
def test_retry_after_is_never_an_error(text: str) -> None:
    assert 0.0 <= retry_after(text, NOW) <= LONGEST_RETRY_AFTER


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_a_pause_is_between_nothing_and_the_longest(failures: int, chance: float) -> None:
    patience = Patience(first=1.0, most=60.0)
    assert 0.0 <= pause(patience, failures, chance) <= min(60.0, 2.0 ** min(failures - 1, 32))


def test_pauses_double() -> None:
    assert [pause(Patience(1.0, 10.0), number, 1.0) for number in range(1, 7)] == [1, 2, 4, 8, 10, 10]


def test_an_event_is_over_by_age_or_attempts() -> None:
    assert is_over(Patience(age=10), 1, 10.0)
    assert not is_over(Patience(age=10), 1000, 9.9)
    assert is_over(Patience(age=10, attempts=3), 3, 0.0)
    assert not is_over(Patience(age=10, attempts=3), 2, 0.0)


def test_a_few_failures_do_not_silence_a_subscriber_but_more_in_a_row_do() -> None:
    pace = Pace(Patience(first=1.0, most=8.0), allowed=2)
    for _ in range(2):
        pace.failed(100.0, 0.0, 1.0)
    assert pace.silent_until == 100.0
    until = []
    for _ in range(5):
        pace.failed(100.0, 0.0, 1.0)
        until.append(pace.silent_until - 100.0)
    assert until == [1, 2, 4, 8, 8]
    pace.succeeded()
    pace.failed(200.0, 0.0, 1.0)
    assert pace.silent_until == 200.0


def test_a_subscriber_that_asks_for_silence_gets_it_at_once() -> None:
    pace = Pace(Patience(), allowed=8)
    pace.failed(100.0, 30.0, 0.0)
    pace.failed(101.0, 0.0, 0.0)
    assert pace.silent_until == 130.0

"""When an OPA server is tried again. Not covered: who tries (`tests/faults`)."""

from evaluator.rego.backoff import Backoff


def test_it_waits_twice_as_long_after_each_failure_up_to_a_limit() -> None:
    backoff, now, waited = Backoff(first=1.0, most=4.0), 0.0, []
    for _ in range(5):
        backoff.failed("away", now)
        wait = next(step for step in range(10) if not backoff.waits(now + step))
        waited.append(wait)
        now += wait
    assert waited == [1, 2, 4, 4, 4]


def test_failures_that_were_under_way_together_count_once() -> None:
    backoff = Backoff(first=1.0, most=60.0)
    for _ in range(10):
        backoff.failed("away", 0.0)
    assert not backoff.waits(1.0)


def test_after_a_success_it_begins_again() -> None:
    backoff = Backoff(first=1.0, most=60.0)
    backoff.failed("away", 0.0)
    backoff.failed("away", 2.0)
    backoff.worked()
    assert not backoff.waits(2.0)
    backoff.failed("away", 10.0)
    assert not backoff.waits(11.0)

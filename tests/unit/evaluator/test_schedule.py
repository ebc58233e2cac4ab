"""When something is judged again. The clock is the test's."""

from evaluator.schedule import Due, Schedule


def due(schedule: Schedule, now: float) -> list[Due]:
    return list(schedule.due(now))


def test_a_failure_is_tried_again_later_and_later_up_to_a_limit() -> None:
    schedule = Schedule(first=10, most=30, every=1000)
    now, waits = 0.0, []
    for _ in range(4):
        schedule.failed("p", "a", now)
        wait = next(seconds for seconds in range(1, 100) if due(schedule, now + seconds))
        waits.append(wait)
        now += wait
    assert waits == [10, 20, 30, 30]


def test_a_registry_is_left_alone_for_as_long_as_it_asks() -> None:
    schedule = Schedule(first=10, most=30, every=1000)
    schedule.failed("p", "a", 0, at_least=120)
    assert due(schedule, 119) == []
    assert due(schedule, 120) == [Due("p", frozenset({"a"}))]


def test_what_worked_is_not_tried_again_and_begins_anew() -> None:
    schedule = Schedule(first=10, most=30, every=1000)
    schedule.failed("p", "a", 0)
    schedule.failed("p", "a", 0)
    schedule.worked("p", "a")
    assert due(schedule, 100) == []
    schedule.failed("p", "a", 100)
    assert due(schedule, 110) == [Due("p", frozenset({"a"}))]


def test_a_policy_comes_round_until_it_is_dropped() -> None:
    schedule = Schedule(first=10, most=30, every=60)
    schedule.repeat("p", 0)
    schedule.failed("p", "a", 0)
    assert due(schedule, 60) == [Due("p", None), Due("p", frozenset({"a"}))]
    assert due(schedule, 61) == []
    assert Due("p", None) in due(schedule, 120)
    schedule.drop_policy("p")
    assert due(schedule, 1000) == []

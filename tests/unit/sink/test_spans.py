"""When a violation begins, goes on and ends.

Not covered: rows (`test_fold`), the database (`tests/contract/test_store`).
"""

import pytest

from pipeline.events import Mode, Outcome, Withdrawal
from sink.spans import Before, Continues, Opens, Resolution, Resolves, Step, Unwaives, Waives, step
from tests.unit.sink.histories import (
    ERROR,
    FAIL,
    PASS,
    REMOVED,
    RETURNED,
    STILL_WAIVED,
    WAIVED,
    Said,
    verdict,
    withdrawn,
)

WARN = Said(Outcome.WARN)
ENFORCED_WARN = Said(Outcome.WARN, Mode.ENFORCE)


def after(said: Said, *, is_open: bool) -> Step:
    return step(verdict(said), Before.OPEN if is_open else Before.NOTHING, "p1")


@pytest.mark.parametrize("said", [FAIL, ENFORCED_WARN])
def test_a_violation_opens_and_then_goes_on(said: Said) -> None:
    assert after(said, is_open=False) == Opens()
    assert after(said, is_open=True) == Continues()


@pytest.mark.parametrize("said", [PASS, WARN, ERROR, withdrawn(Withdrawal.RESOURCE_DELETED)])
def test_without_a_violation_nothing_ends(said: Said) -> None:
    assert after(said, is_open=False) is None


@pytest.mark.parametrize("said", [PASS, WARN])
def test_what_complies_under_the_same_policy_was_fixed(said: Said) -> None:
    assert after(said, is_open=True) == Resolves(Resolution.FIXED)


def test_what_complies_under_another_text_of_the_policy_was_not_fixed_by_anybody() -> None:
    assert after(Said(Outcome.PASS, digest="p2"), is_open=True) == Resolves(Resolution.POLICY_CHANGED)


def test_a_policy_that_only_warns_from_now_on_was_changed() -> None:
    softened = Said(Outcome.WARN, Mode.WARN, digest="p2")
    assert after(softened, is_open=True) == Resolves(Resolution.POLICY_CHANGED)


def test_an_error_ends_nothing() -> None:
    assert after(ERROR, is_open=True) is None
    assert after(RETURNED, is_open=True) is None


def test_an_error_opens_nothing_whatever_it_says_of_waivers() -> None:
    assert after(RETURNED, is_open=False) is None
    assert after(STILL_WAIVED, is_open=False) is None


def test_an_error_may_say_that_what_is_open_is_waived() -> None:
    assert after(STILL_WAIVED, is_open=True) == Waives()


@pytest.mark.parametrize("reason", Withdrawal)
def test_a_withdrawn_verdict_ends_the_violation_for_its_reason(reason: Withdrawal) -> None:
    assert after(withdrawn(reason), is_open=True) == Resolves(Resolution(reason.value))


def test_an_image_that_the_resource_has_no_more_was_fixed() -> None:
    assert after(REMOVED, is_open=True) == Resolves(Resolution.FIXED)


@pytest.mark.parametrize("before", Before)
def test_a_violation_that_a_waiver_covers_is_waived_whatever_was_before(before: Before) -> None:
    assert step(verdict(WAIVED), before, "p1") == Waives()


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (FAIL, Unwaives(None)),
        (PASS, Unwaives(Resolution.FIXED)),
        (Said(Outcome.PASS, digest="p2"), Unwaives(Resolution.POLICY_CHANGED)),
        (REMOVED, Unwaives(Resolution.FIXED)),
        *((withdrawn(reason), Unwaives(Resolution(reason.value))) for reason in Withdrawal),
        (ERROR, None),
        (STILL_WAIVED, Waives()),
        (RETURNED, Unwaives(None)),
    ],
)
def test_what_was_waived_is_a_violation_again_or_over_and_an_error_says_only_what_became_of_the_waiver(
    said: Said, expected: Step
) -> None:
    assert step(verdict(said), Before.WAIVED, "p1") == expected

"""How a verdict differs from the previous one, and the ids of verdicts."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.policies.change import change, verdict_id
from pipeline.events import Change, Outcome

PARTS = st.fixed_dictionaries(
    {
        "key": st.text(max_size=4),
        "previous_id": st.text(max_size=4),
        "resource_version": st.text(max_size=4),
        "resource_digest": st.text(max_size=4),
        "generation": st.integers(0, 20),
        "policy_digest": st.text(max_size=4),
        "image_config_digest": st.text(max_size=4),
        "outcome": st.sampled_from(Outcome),
    }
)


@pytest.mark.parametrize("previous", [None, Outcome.WITHDRAWN])
@pytest.mark.parametrize("now", [Outcome.PASS, Outcome.WARN, Outcome.FAIL, Outcome.ERROR])
@pytest.mark.parametrize("same", [True, False])
def test_a_first_verdict_is_new(previous: Outcome | None, now: Outcome, same: bool) -> None:
    assert change(previous, now, same=same) is Change.NEW


@pytest.mark.parametrize("outcome", list(Outcome))
def test_the_same_outcome_is_no_change_unless_something_else_differs(outcome: Outcome) -> None:
    assert change(outcome, outcome, same=True) is Change.NONE
    assert change(outcome, outcome, same=False) is Change.UPDATED


@pytest.mark.parametrize(
    ("previous", "now", "expected"),
    [
        (Outcome.PASS, Outcome.WARN, Change.DEGRADED),
        (Outcome.PASS, Outcome.FAIL, Change.DEGRADED),
        (Outcome.WARN, Outcome.FAIL, Change.DEGRADED),
        (Outcome.FAIL, Outcome.WARN, Change.IMPROVED),
        (Outcome.FAIL, Outcome.PASS, Change.IMPROVED),
        (Outcome.WARN, Outcome.PASS, Change.IMPROVED),
        (Outcome.PASS, Outcome.ERROR, Change.DEGRADED),
        (Outcome.WARN, Outcome.ERROR, Change.DEGRADED),
        (Outcome.FAIL, Outcome.ERROR, Change.UPDATED),
        (Outcome.ERROR, Outcome.PASS, Change.IMPROVED),
        (Outcome.ERROR, Outcome.WARN, Change.IMPROVED),
        (Outcome.ERROR, Outcome.FAIL, Change.DEGRADED),
    ],
)
@pytest.mark.parametrize("same", [True, False])
def test_another_outcome_is_better_or_worse(
    previous: Outcome, now: Outcome, expected: Change, same: bool
) -> None:
    assert change(previous, now, same=same) is expected


@pytest.mark.parametrize("previous", [None, Outcome.PASS, Outcome.WARN, Outcome.FAIL, Outcome.ERROR])
def test_a_withdrawal_is_an_update(previous: Outcome | None) -> None:
    assert change(previous, Outcome.WITHDRAWN, same=False) is Change.UPDATED


@given(PARTS, PARTS)
def test_two_decisions_have_one_id_only_when_they_are_the_same(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    assert (verdict_id(**one) == verdict_id(**other)) is (one == other)


@pytest.mark.parametrize(
    ("before", "after"),
    [("key", "previous_id"), ("previous_id", "resource_version"), ("resource_version", "resource_digest")],
)
@given(parts=PARTS, letter=st.characters(exclude_categories=["Cs"]))
def test_text_does_not_move_from_one_part_into_the_next(
    before: str, after: str, parts: dict[str, Any], letter: str
) -> None:
    one = parts | {before: parts[before] + letter}
    other = parts | {after: letter + parts[after]}
    assert verdict_id(**one) != verdict_id(**other)


@given(PARTS)
def test_an_id_is_32_hexadecimal_digits(parts: dict[str, Any]) -> None:
    found = verdict_id(**parts)
    assert len(found) == 32
    assert int(found, 16) >= 0


def test_fail_then_pass_then_fail_have_three_ids() -> None:
    parts: dict[str, Any] = {
        "key": "c/u/p",
        "resource_version": "1",
        "resource_digest": "r",
        "generation": 1,
        "policy_digest": "p",
        "image_config_digest": "",
    }
    first = verdict_id(previous_id="", outcome=Outcome.FAIL, **parts)
    second = verdict_id(previous_id=first, outcome=Outcome.PASS, **parts)
    third = verdict_id(previous_id=second, outcome=Outcome.FAIL, **parts)
    assert len({first, second, third}) == 3

"""The Rego contract: what each answer to `isCompliant` means.

Not covered: the order in which an engine lists a set, which engines promise.
"""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.policies.judge import Defined, Judgement, Undefined, judge, read_answer
from pipeline.errors import EvaluationError
from pipeline.events import Explanation, Outcome
from tests.unit.evaluator.policy_objects import JSON_VALUES

RESPONSES = st.fixed_dictionaries(
    {},
    optional={
        "result": st.booleans() | st.none(),
        "error": st.sampled_from(["", "e1", "e2"]),
        "warning": st.sampled_from(["", "w1"]),
    },
)


def test_true_passes() -> None:
    assert judge(Defined(True)) == Judgement(Outcome.PASS)


def test_false_and_undefined_fail() -> None:
    expected = Judgement(Outcome.FAIL, "policy is not compliant")
    assert judge(Defined(False)) == expected
    assert judge(Undefined()) == expected


def test_an_empty_set_fails() -> None:
    assert judge(Defined([])) == Judgement(
        Outcome.FAIL, "policy is not compliant", explanation=Explanation(responses=())
    )


def test_a_response_with_result_true_passes() -> None:
    response = {"result": True, "error": "not shown", "warning": ""}
    assert judge(Defined([response])) == Judgement(
        Outcome.PASS, explanation=Explanation(responses=(response,), decided=0)
    )


def test_a_passing_response_with_a_warning_warns() -> None:
    judgement = judge(Defined([{"result": True, "warning": "deprecated"}]))
    assert (judgement.outcome, judgement.warning, judgement.message) == (Outcome.WARN, "deprecated", "")


def test_the_first_response_with_result_true_decides() -> None:
    members: list[dict[str, Any]] = [
        {"result": False, "error": "a"},
        {"result": True, "warning": "w"},
        {"result": True},
    ]
    judgement = judge(Defined(members))
    assert (judgement.outcome, judgement.warning) == (Outcome.WARN, "w")
    assert judgement.explanation == Explanation(responses=tuple(members), decided=1)


def test_without_a_result_of_true_every_error_and_warning_is_kept_once() -> None:
    members: list[dict[str, Any]] = [
        {"result": False, "error": "no label", "warning": "w"},
        {"error": "privileged"},
        {"result": None, "error": "no label", "warning": None},
        {"result": False},
    ]
    judgement = judge(Defined(members))
    assert (judgement.outcome, judgement.message, judgement.warning) == (
        Outcome.FAIL,
        "no label; privileged",
        "w",
    )
    assert judgement.explanation == Explanation(responses=tuple(members), decided=-1)


def test_responses_without_an_error_text_still_say_something() -> None:
    assert judge(Defined([{}])).message == "policy is not compliant"


@pytest.mark.parametrize(
    ("member", "said"),
    [
        ("msg", ': expected an object with result, error, warning, got the string "msg"'),
        (None, ": expected an object with result, error, warning, got null"),
        (True, ": expected an object with result, error, warning, got the boolean true"),
        ({"result": "true"}, '.result: expected a boolean, got the string "true"'),
        ({"result": 1}, ".result: expected a boolean, got the number 1"),
        ({"result": True, "error": {}}, ".error: expected a string, got an empty object"),
        ({"result": True, "warning": ["w"]}, ".warning: expected a string, got a list"),
    ],
)
def test_a_member_of_the_wrong_shape_fails_closed_and_says_so(member: Any, said: str) -> None:
    judgement = judge(Defined([{"result": False}, member, {"result": True}]))
    assert judgement.outcome is Outcome.FAIL
    assert judgement.message == f"policy is not compliant: isCompliant[1]{said}"
    assert judgement.explanation is not None
    assert judgement.explanation.decided == 1
    assert len(judgement.explanation.responses) == 3


def test_a_member_of_the_wrong_shape_behind_the_deciding_one_does_no_harm() -> None:
    judgement = judge(Defined([{"result": True}, "msg"]))
    assert judgement.outcome is Outcome.PASS
    assert judgement.explanation == Explanation(responses=({"result": True}, {"value": "msg"}), decided=0)


def test_field_names_are_read_without_case_as_upstream_does() -> None:
    assert judge(Defined([{"Result": True, "WARNING": "w"}])).outcome is Outcome.WARN
    assert judge(Defined([{"Result": True, "result": False}])).outcome is Outcome.FAIL


@pytest.mark.parametrize(
    ("value", "got"),
    [
        (None, "null"),
        ("yes", 'the string "yes"'),
        (1, "the number 1"),
        ({}, "an empty object"),
        ({'{"result":true}': True}, "an object"),
        ("x" * 500, 'the string "' + "x" * 59 + '…"'),
        pytest.param(10**5000, "a number of thousands of digits", id="huge"),
    ],
)
def test_anything_else_fails_closed_and_says_what_was_got(value: Any, got: str) -> None:
    assert judge(Defined(value)) == Judgement(
        Outcome.FAIL,
        f"policy is not compliant: isCompliant: expected a boolean or a set of responses, got {got}",
    )


def test_an_engines_text_is_read_as_an_answer() -> None:
    assert read_answer(None) == Undefined()
    assert read_answer(b"null") == Defined(None)
    assert read_answer(b'[{"n":12345678901234567890123}]') == Defined([{"n": 12345678901234567890123}])


@pytest.mark.parametrize("text", [b"", b"{", b"[" * 100_000, b"\xff", b'"\xff"'])
def test_an_engines_text_that_is_no_json_is_an_evaluation_error(text: bytes) -> None:
    with pytest.raises(EvaluationError, match=r"^isCompliant: the engine's answer is not JSON"):
        read_answer(text)


@given(JSON_VALUES | st.lists(RESPONSES | JSON_VALUES, max_size=4))
def test_every_json_value_has_a_judgement(value: Any) -> None:
    judgement = judge(Defined(value))
    assert judgement.outcome in {Outcome.PASS, Outcome.WARN, Outcome.FAIL}
    assert (judgement.outcome is Outcome.FAIL) is bool(judgement.message)


@given(st.lists(RESPONSES, max_size=4), st.randoms(use_true_random=False))
def test_failing_does_not_depend_on_the_order_of_the_responses(
    members: list[dict[str, Any]], random: Any
) -> None:
    shuffled = random.sample(members, len(members))
    failed = judge(Defined(members)).outcome is Outcome.FAIL
    assert (judge(Defined(shuffled)).outcome is Outcome.FAIL) is failed
    assert failed is not any(member.get("result") for member in members)

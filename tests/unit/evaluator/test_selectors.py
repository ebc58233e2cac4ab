"""LabelSelectors: what they select, and which are invalid. Not covered: how policies use them."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.policies.reading import Findings, Section
from evaluator.policies.selectors import Operator, Requirement, Selector, parse_selector

LABELS = st.dictionaries(st.sampled_from("abc"), st.sampled_from("xyz"))
REQUIREMENTS = st.builds(
    Requirement,
    key=st.sampled_from("abc"),
    operator=st.sampled_from(Operator),
    values=st.frozensets(st.sampled_from("xyz"), min_size=1),
)
OPPOSITES = {
    Operator.IN: Operator.NOT_IN,
    Operator.NOT_IN: Operator.IN,
    Operator.EXISTS: Operator.DOES_NOT_EXIST,
    Operator.DOES_NOT_EXIST: Operator.EXISTS,
}


def parsed(selector: Mapping[str, Any]) -> tuple[Selector, dict[str, str]]:
    findings = Findings()
    found = parse_selector(Section("selector", selector, findings))
    return found, {problem.path: problem.reason for problem in findings.problems}


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    found, problems = parsed(selector)
    assert not problems
    return found.selects(labels)


def test_an_empty_selector_selects_everything() -> None:
    assert selects({}, {})
    assert selects({"matchLabels": {}, "matchExpressions": []}, {"a": "b"})


@pytest.mark.parametrize(
    ("labels", "selected"),
    [
        ({"app": "cart", "tier": "web"}, True),
        ({"app": "cart"}, False),
        ({"app": "cart", "tier": "db"}, False),
        ({}, False),
    ],
)
def test_all_match_labels_must_be_there(labels: dict[str, str], selected: bool) -> None:
    assert selects({"matchLabels": {"app": "cart", "tier": "web"}}, labels) is selected


@pytest.mark.parametrize(
    ("operator", "values", "present", "other", "absent"),
    [
        ("In", ["web", "api"], True, False, False),
        ("NotIn", ["web", "api"], False, True, True),
        ("Exists", [], True, True, False),
        ("DoesNotExist", [], False, False, True),
    ],
)
def test_each_operator(operator: str, values: list[str], present: bool, other: bool, absent: bool) -> None:
    selector = {"matchExpressions": [{"key": "tier", "operator": operator, "values": values}]}
    assert selects(selector, {"tier": "web"}) is present
    assert selects(selector, {"tier": "db"}) is other
    assert selects(selector, {"app": "cart"}) is absent


def test_labels_and_expressions_must_both_hold() -> None:
    selector = {
        "matchLabels": {"app": "cart"},
        "matchExpressions": [{"key": "example.com/tier", "operator": "Exists"}],
    }
    assert selects(selector, {"app": "cart", "example.com/tier": ""})
    assert not selects(selector, {"app": "cart"})
    assert not selects(selector, {"example.com/tier": ""})


@pytest.mark.parametrize("operator", ["In", "NotIn"])
def test_in_and_not_in_need_values(operator: str) -> None:
    _, problems = parsed({"matchExpressions": [{"key": "a", "operator": operator, "values": []}]})
    assert problems == {
        "selector.matchExpressions[0].values": f"expected at least one value for {operator}, got none"
    }


@pytest.mark.parametrize("operator", ["Exists", "DoesNotExist"])
def test_exists_and_does_not_exist_take_no_values(operator: str) -> None:
    _, problems = parsed({"matchExpressions": [{"key": "a", "operator": operator, "values": ["x"]}]})
    assert problems == {"selector.matchExpressions[0].values": f"expected no values for {operator}, got 1"}


@pytest.mark.parametrize("operator", ["", "in", "Gt", "Equals"])
def test_another_operator_is_invalid(operator: str) -> None:
    _, problems = parsed({"matchExpressions": [{"key": "a", "operator": operator}]})
    assert set(problems) == {"selector.matchExpressions[0].operator"}


@pytest.mark.parametrize("key", ["", "-a", "a b", "a/", "/a", "A/b", "a/b/c", "x" * 64, "p" * 254 + "/a"])
def test_a_key_that_no_label_can_have_is_invalid(key: str) -> None:
    assert parsed({"matchLabels": {key: "x"}})[1]
    assert parsed({"matchExpressions": [{"key": key, "operator": "Exists"}]})[1]


@pytest.mark.parametrize("value", ["a b", "-a", "x" * 64, "é"])
def test_a_value_that_no_label_can_have_is_invalid(value: str) -> None:
    assert parsed({"matchLabels": {"a": value}})[1]
    assert parsed({"matchExpressions": [{"key": "a", "operator": "In", "values": ["ok", value]}]})[1]


def test_an_empty_value_is_valid() -> None:
    assert selects({"matchLabels": {"a": ""}}, {"a": ""})
    assert not selects({"matchLabels": {"a": ""}}, {})


def test_wrong_types_are_problems() -> None:
    _, problems = parsed({"matchLabels": {"a": 1}, "matchExpressions": [5, {"key": "a", "operator": []}]})
    assert set(problems) == {
        "selector.matchLabels[a]",
        "selector.matchExpressions[0]",
        "selector.matchExpressions[1].operator",
    }


@given(REQUIREMENTS, LABELS)
def test_opposite_operators_select_the_opposite(requirement: Requirement, labels: dict[str, str]) -> None:
    opposite = Requirement(requirement.key, OPPOSITES[requirement.operator], requirement.values)
    assert opposite.selects(labels) is not requirement.selects(labels)


@given(st.lists(REQUIREMENTS, max_size=3), REQUIREMENTS, LABELS)
def test_one_more_requirement_never_selects_more(
    few: list[Requirement], more: Requirement, labels: dict[str, str]
) -> None:
    assert Selector((*few, more)).selects(labels) <= Selector(tuple(few)).selects(labels)

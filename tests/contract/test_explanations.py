"""Why a policy has its value: which rule, which expression, and what it saw, by the real engine.

Covers the forms a rule can have, what is said where nothing can be, and that every
object among the catalog's examples is explained by what its verdict says. Not
covered: the command (`tests/e2e`), hostile policies (`tests/faults`).
"""

import json
from collections.abc import Callable
from typing import Any

import pytest
import yaml

import catalog
from evaluator.rego.engine import RefusalError
from evaluator.rego.explain.steps import State, Step

pytest.importorskip("regorus", reason="the regorus extra is not installed")

from evaluator.rego.explain.regorus_trace import explain
from evaluator.rego.regorus import Regorus

CONTROLS = sorted(path.stem for path in catalog.baseline().glob("*.yaml"))


def steps_of(rules: str, document: Any) -> list[Step]:
    """The first line of the rules is line 2 of the policy."""
    return list(explain(f"package sigstore\n{rules}", json.dumps(document).encode())[1])


def decided(step: Step) -> tuple[State, str, dict[str, tuple[str, ...]]]:
    return step.state, step.expression, {seen.expression: seen.values for seen in step.seen}


def test_the_first_expression_that_is_false_decided() -> None:
    rules = "isCompliant {\n  input.a == 1\n  input.b == 2\n  input.c == 3\n}"
    (step,) = steps_of(rules, {"a": 1, "b": 5, "c": 6})
    assert decided(step) == (State.FAILED, "input.b == 2", {"input.b": ("5",)})
    assert (step.rule, step.line, step.expression_line, step.depth) == ("isCompliant", 2, 4, 0)


def test_what_is_undefined_is_named_as_far_as_it_goes() -> None:
    (step,) = steps_of("isCompliant { input.spec.security.user == 0 }", {"spec": {}})
    (seen,) = step.seen
    assert (seen.expression, seen.values, seen.missing) == (
        "input.spec.security.user",
        (),
        "input.spec.security",
    )


def test_each_body_has_its_own_expression() -> None:
    rules = "isCompliant { input.a == 1 }\nisCompliant { input.a == 2 }"
    found = [(step.line, decided(step)[1]) for step in steps_of(rules, {"a": 3})]
    assert found == [(2, "input.a == 1"), (3, "input.a == 2")]


def test_the_rule_that_an_expression_turned_on_is_explained_below_it() -> None:
    rules = "isCompliant { count(bad) == 0 }\nbad[c.name] {\n  c := input.cs[_]\n  c.p\n}"
    top, below = steps_of(rules, {"cs": [{"name": "a", "p": False}, {"name": "b", "p": True}]})
    assert decided(top) == (State.FAILED, "count(bad) == 0", {"count(bad)": ("1",), "bad": ('["b"]',)})
    assert (below.depth, below.rule, below.state, below.gave) == (1, "bad", State.HELD, ('"b"',))
    assert [(seen.expression, seen.line) for seen in below.seen] == [("c", 4)]


def test_a_rule_that_does_not_hold_is_followed_to_the_expression_that_does_not() -> None:
    rules = 'isCompliant { signed }\nsigned { trusted }\ntrusted { input.by == "us" }'
    steps = steps_of(rules, {"by": "them"})
    assert [(step.depth, step.rule) for step in steps] == [(0, "isCompliant"), (1, "signed"), (2, "trusted")]
    assert decided(steps[2]) == (State.FAILED, 'input.by == "us"', {"input.by": ('"them"',)})


def test_a_negated_rule_is_explained_by_what_made_it_hold() -> None:
    rules = "isCompliant { not bad }\nbad { input.x > 1 }"
    top, below = steps_of(rules, {"x": 2})
    assert decided(top)[:2] == (State.FAILED, "not bad")
    assert (below.rule, below.state) == ("bad", State.HELD)


def test_a_loop_fails_where_no_value_is_left() -> None:
    rules = 'isCompliant {\n  c := input.cs[_]\n  c.image == "x"\n  startswith(c.tag, "v")\n}'
    (step,) = steps_of(rules, {"cs": [{"image": "x", "tag": "1"}, {"image": "y", "tag": "v1"}]})
    assert decided(step) == (State.FAILED, 'startswith(c.tag, "v")', {"c.tag": ('"1"',)})


def test_members_are_explained_by_the_rules_that_gave_them() -> None:
    rules = """import rego.v1
isCompliant contains {"result": true} if count(findings) == 0
isCompliant contains {"result": false, "error": text} if some text in findings
findings contains "a is set" if input.a
findings contains text if {
  input.b
  text := "b is set"
}
"""
    steps = steps_of(rules, {"a": False, "b": True})
    held, finding, passing = steps
    assert held.gave == ('{"error": "b is set", "result": false}',)
    assert (finding.depth, finding.line, finding.gave) == (1, 6, ('"b is set"',))
    assert decided(passing)[:2] == (State.FAILED, "count(findings) == 0")


def test_only_the_variables_that_gave_the_member_are_shown() -> None:
    rules = """isCompliant[{"result": false, "error": text}] { text := bad[_] }
bad[text] { c := input.cs[_]; c.p; text := sprintf("%s is bad", [c.name]) }
"""
    steps = steps_of(rules, {"cs": [{"name": "a"}, {"name": "b", "p": 1}]})
    (c,) = (seen for seen in steps[1].seen if seen.expression == "c")
    assert c.values == ('{"name": "b", "p": 1}',)


def test_a_default_is_said_where_no_body_holds() -> None:
    steps = steps_of("default isCompliant = false\nisCompliant { input.a }", {})
    assert [(step.state, step.line) for step in steps] == [(State.FAILED, 3), (State.DEFAULT, 2)]


def test_an_else_is_looked_at_only_where_nothing_before_it_holds() -> None:
    rules = "isCompliant = false { input.a == 1 }\nelse = true { input.b == 2 }"
    (first,) = steps_of(rules, {"a": 1, "b": 2})
    assert (first.state, first.gave) == (State.HELD, ("false",))
    steps = steps_of(rules, {"a": 2, "b": 2})
    assert [(step.state, step.line) for step in steps] == [(State.HELD, 3), (State.FAILED, 2)]


@pytest.mark.parametrize(
    ("expression", "document", "seen"),
    [
        ('"x" == input.a', {"a": "y"}, {"input.a": ('"y"',)}),
        ('input["a-b"].c == "é"', {"a-b": {"c": "e"}}, {'input["a-b"].c': ('"e"',)}),
        ("input.a + input.b == 3", {"a": 1, "b": 1}, {"input.a": ("1",), "input.b": ("1",)}),
        ("some i; input.l[i] == 3", {"l": [1, 2]}, {"input.l[i]": ("1", "2")}),
        ("not input.a", {"a": 1}, {"input.a": ("1",)}),
        ("input.a", {"a": False}, {"input.a": ("false",)}),
        ('{"k": 1, "l": 2}[input.a] == 1', {"a": "l"}, {"input.a": ('"l"',)}),
        ("x := input.a; x > 3", {"a": 1}, {"x": ("1",)}),
        ("count([x | x := input.l[_]; x > 1]) == 0", {"l": [1, 2]}, {}),
        ("startswith(lower(input.a), `x`)", {"a": "B"}, {"input.a": ('"B"',), "lower(input.a)": ('"b"',)}),
    ],
)
def test_the_parts_of_an_expression_are_shown_with_their_values(
    expression: str, document: Any, seen: dict[str, Any]
) -> None:
    (step,) = steps_of(f"isCompliant {{ {expression} }}", document)
    assert step.state is State.FAILED
    assert decided(step)[2].items() >= seen.items()


def test_a_variable_may_get_its_value_after_it_is_used() -> None:
    steps = steps_of("isCompliant { x > 3; x = input.a }", {"a": 1})
    assert decided(steps[0]) == (State.FAILED, "x > 3", {"x": ("1",)})


def test_long_values_are_cut_and_many_are_counted() -> None:
    (step,) = steps_of("isCompliant { input.l[_] == 1; true }", {"l": ["x" * 1000, *range(2, 12)]})
    (seen,) = step.seen
    assert max(map(len, seen.values)) <= 200
    assert seen.values[-1] == "and 6 more"


def test_a_policy_that_passes_everything_has_nothing_to_show_but_that() -> None:
    (step,) = steps_of("isCompliant = true", {})
    assert (step.state, step.gave, step.expression) == (State.HELD, ("true",), "true")


def examples(control: str, name: str) -> list[dict[str, Any]]:
    folder = catalog.baseline().parent / "examples" / catalog.baseline().name / control
    return list(yaml.safe_load_all((folder / f"{name}.yaml").read_text(encoding="utf-8")))


@pytest.mark.parametrize("control", CONTROLS)
def test_what_the_catalog_says_is_found_in_its_rules(control: str) -> None:
    body = yaml.safe_load((catalog.baseline() / f"{control}.yaml").read_text(encoding="utf-8"))
    text = body["spec"]["policy"]["data"]
    parts: dict[str, Callable[[Any], Any]] = {"spec": lambda each: each["spec"]}
    if body["spec"]["policy"].get("includeObjectMeta"):
        parts["metadata"] = lambda each: each["metadata"]
    module = Regorus().compile(text)
    for name in ("pass", "fail"):
        for each in examples(control, name)[:6]:
            document = json.dumps({part: read(each) for part, read in parts.items()}).encode()
            value, steps = explain(text, document)
            assert value == getattr(module.evaluate(document), "json", None)
            assert [step for step in steps if step.state is State.UNKNOWN] == []
            for member in json.loads(value or b"[]"):
                if "error" in member:
                    told = [text for step in steps if step.depth == 1 for text in step.gave]
                    assert json.dumps(member["error"], ensure_ascii=False)[:199] in [
                        text[:199] for text in told
                    ]


PLAIN = [
    ("isCompliant { input.a == 1; input.b == 2 }", {"a": 1, "b": 5}, (2, "input.b == 2")),
    ("import rego.v1\nisCompliant if {\n  input.a\n  not input.b\n}", {"a": 1, "b": 5}, (5, "not input.b")),
    ("isCompliant { input.a; input.b; input.c }\nisCompliant { input.d }", {"a": 1}, (2, "input.b")),
    ("isCompliant { input.d }\nisCompliant { input.a; input.b }", {"a": 1}, (3, "input.b")),
    ("default isCompliant = false\nisCompliant { input.a }", {}, (3, "input.a")),
    ("isCompliant { some i; input.l[i] == 2 }", {"l": [1]}, (2, "input.l[i] == 2")),
]
SILENT = [
    ("isCompliant = false { input.a }", {"a": 1}),
    ("isCompliant = false", {}),
    ("isCompliant { x > 3; x = input.a }", {"a": 1}),
    ('isCompliant[{"result": input.a}] { input.b }', {}),
    ("isCompliant { input.a }", {"a": 1}),
    ("isCompliant { input.a }", {"filler": "x" * 100_000}),
]


def because(rules: str, document: Any) -> tuple[int, str] | None:
    answer = Regorus().compile(f"package sigstore\n{rules}").evaluate(json.dumps(document).encode())
    return (answer.because.line, answer.because.expression) if answer.because else None


@pytest.mark.parametrize(("rules", "document", "expected"), PLAIN)
def test_a_failure_without_a_message_names_the_expression_where_the_policy_came_farthest(
    rules: str, document: Any, expected: tuple[int, str]
) -> None:
    module = Regorus().compile(f"package sigstore\n{rules}")
    # Only an evaluation that was quick is taken apart; one in twenty is, on any machine.
    answers = [module.evaluate(json.dumps(document).encode()) for _ in range(20)]
    told = {(answer.because.line, answer.because.expression) for answer in answers if answer.because}
    assert told == {expected}
    steps = steps_of(rules, document)
    assert expected in [(step.expression_line, step.expression) for step in steps]


@pytest.mark.parametrize(("rules", "document"), SILENT)
def test_where_no_expression_failed_or_the_price_is_high_nothing_is_said(rules: str, document: Any) -> None:
    assert because(rules, document) is None


def test_a_policy_with_the_names_of_the_beginnings_gets_no_explanation_and_the_same_answer() -> None:
    rules = "isCompliant { input.a; tocsin_body_0_1 == 3 }\ntocsin_body_0_1 = 3 { true }"
    assert because(rules, {}) is None
    module = Regorus().compile(f"package sigstore\n{rules}")
    assert getattr(module.evaluate(b'{"a": 1}'), "json", None) == b"true"


def test_a_policy_with_the_names_of_probes_is_not_taken_apart() -> None:
    with pytest.raises(RefusalError, match="tocsin_value"):
        steps_of("isCompliant { tocsin_value := input.a; tocsin_value == 1 }", {})

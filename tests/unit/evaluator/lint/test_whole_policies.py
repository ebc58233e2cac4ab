"""Laws of the linter: silent where all is right, total on everything; its reference is current.

Not here: what each check finds.
"""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from evaluator.lint.finding import Severity
from evaluator.lint.linting import CHECKS, MAX_FINDINGS, MAX_TEXT, lint, stored
from evaluator.lint.modules import parse
from evaluator.lint.reference import render
from evaluator.rego.choice import Choice
from tests.unit.evaluator.lint.policies import findings_of
from tests.unit.evaluator.policy_objects import JSON_VALUES, applied_policy, policy_object

ROOT = Path(__file__).resolve().parents[4]
RIGHT = sorted(
    path
    for folder in (ROOT / "catalog", ROOT / "examples" / "policies")
    for path in folder.rglob("*.yaml")
    if "kind: ClusterImagePolicy" in path.read_text(encoding="utf-8")
)
_WORDS = ["package sigstore", "isCompliant", "input", ".spec", ".containers", "import rego.v1", "with", "as"]
_KEYWORDS = ["not ", "some ", "every ", " in ", "if", "contains", "else", "default", "x", '"a"', "`b`", "1"]
_SIGNS = [
    "[_]",
    "[",
    "]",
    "{",
    "}",
    "(",
    ")",
    ":=",
    "==",
    "=",
    ",",
    ";",
    "\n",
    "-",
    "/",
    "|",
    ":",
    "#c\n",
    '"',
]
PIECES = st.sampled_from([*_WORDS, *_KEYWORDS, *_SIGNS])


@pytest.mark.parametrize("path", RIGHT, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_mistake_is_found_in_policies_that_are_right(path: Path) -> None:
    for body in yaml.safe_load_all(path.read_text(encoding="utf-8")):
        found = lint(applied_policy(body), Choice())
        assert [each for each in found if each.check.severity is not Severity.INFO] == []
        assert {each.check.slug for each in found} <= {"not-evaluated", "reads-clock"}
        assert parse(body["spec"]["policy"]["data"]).problems == ()


def test_there_are_policies_that_are_right() -> None:
    assert len(RIGHT) >= 15


@given(st.lists(PIECES, max_size=40).map("".join) | st.text(max_size=80))
def test_any_text_is_linted(text: str) -> None:
    findings = findings_of("", whole=f"package sigstore\n{text}", match=None)
    assert not [each for each in findings if "linter failed" in each.message]


@given(JSON_VALUES, JSON_VALUES)
def test_any_object_is_linted(spec: object, metadata: object) -> None:
    body = policy_object() | {"spec": spec, "metadata": metadata}
    findings = lint(applied_policy(body), Choice())
    assert not [each for each in findings if "linter failed" in each.message]


@pytest.mark.parametrize(
    "text",
    [
        "x := " + "[" * 5000,
        "x := " + "{{" * 5000,
        "x { " + "not " * 5000 + "y }",
        "x := " + "-" * 5000 + "1",
        "x := " + "a" + "[_]" * 5000,
        "x := " + "1 + " * 5000 + "1",
        "x := " + "{" * 60 + "1" + "}" * 60,
        "x := [" * 60 + "1" + " | y]" * 60,
        "".join(f"r{n + 1} := [r{n}, r{n}]\n" for n in range(500)),
        "".join(f"r{n + 1} := {{{', '.join(f'{k!r}: r{n}' for k in 'abcdefghijkl')}}}\n" for n in range(90)),
        "".join(f"r{n} := r{n + 1} {{ r{n + 1} }}\n" for n in range(500)),
        "r := r\nisCompliant { r }",
        "\n" * 50_000,
        '"' * 5000,
    ],
)  # fmt: skip
def test_hostile_text_is_linted_in_its_own_time(text: str) -> None:
    findings = findings_of("", whole=f"package sigstore\n{text}\n".replace("'", '"'))
    assert not [each for each in findings if "linter failed" in each.message]


def test_a_very_long_text_is_not_looked_into() -> None:
    findings = findings_of("", whole="package sigstore\n" + "#" * MAX_TEXT)
    assert [each.check.slug for each in findings if each.line] == ["not-analysed"]


def test_no_policy_gets_more_findings_than_can_be_read() -> None:
    rego = "".join(f'r{n} {{ input.spec.hostPID == "{n}" }}\n' for n in range(300))
    assert len(findings_of(rego)) == MAX_FINDINGS


def test_one_broken_rule_does_not_hide_the_others() -> None:
    rego = 'isCompliant { ! }\nother { input.spec.hostPID == "true" }'
    assert {"not-analysed", "boolean-as-string"} <= {each.check.slug for each in findings_of(rego)}


def test_what_is_stored_names_the_field_or_the_place() -> None:
    found = stored(findings_of('isCompliant { input.spec.hostPID == "true" }', mode=None))
    by_rule = {each.rule: each for each in found}
    assert by_rule["TOC007"].message.startswith("spec: mode is absent")
    assert (by_rule["TOC301"].line, by_rule["TOC301"].severity) == (2, "error")


def test_ids_and_names_are_unique_and_in_order() -> None:
    ids = [check.id for check in CHECKS]
    assert ids == sorted(set(ids))
    assert len({check.slug for check in CHECKS}) == len(CHECKS)


def test_each_check_says_why() -> None:
    for check in CHECKS:
        assert check.title
        assert check.why.endswith(".")
        assert check.severity in set(Severity)


def test_the_committed_reference_is_current() -> None:
    committed = (ROOT / "docs" / "reference" / "lint.md").read_text(encoding="utf-8")
    assert committed == render(), "run `make schemas`"

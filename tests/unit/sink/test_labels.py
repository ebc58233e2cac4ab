"""Label selectors as users write them."""

import pytest

from pipeline.errors import UsageError
from sink.queries.labels import Requirement, selector


@pytest.mark.parametrize(
    ("text", "requirement"),
    [
        ("app=web", Requirement("app", frozenset({"web"}))),
        (" app == web ", Requirement("app", frozenset({"web"}))),
        ("app=", Requirement("app", frozenset({""}))),
        (
            "app.kubernetes.io/name!=db",
            Requirement("app.kubernetes.io/name", frozenset({"db"}), negated=True),
        ),
        ("env in (a, b)", Requirement("env", frozenset({"a", "b"}))),
        ("env notin (a,)", Requirement("env", frozenset({"a", ""}), negated=True)),
        ("canary", Requirement("canary")),
        ("! canary", Requirement("canary", negated=True)),
        ("in in (in)", Requirement("in", frozenset({"in"}))),
    ],
)
def test_a_requirement_is_read_as_kubectl_reads_it(text: str, requirement: Requirement) -> None:
    assert selector([text]) == (requirement,)


def test_all_requirements_are_meant_also_of_several_selectors() -> None:
    found = selector(["app=web,env in (a,b),!old", "tier"])
    assert [each.key for each in found] == ["app", "env", "old", "tier"]
    assert selector(["", " "]) == ()


@pytest.mark.parametrize(
    "text",
    ["app=web,", "=web", "app in web", "app in (a", "a b", "x>1", "app=a=b", "!app=web", "-app", "app=a b"],
)
def test_what_is_no_selector_is_said_with_examples(text: str) -> None:
    with pytest.raises(UsageError, match=r"label selector .*: expected something like app=web, "):
        selector([text])

"""What authorities let through: static ones in full, the others honestly unknown.

Not covered: signatures, which nothing verifies yet.
"""

from typing import Any

import pytest

from evaluator.policies.authorities import Failed, Passed, Unknown, admit
from evaluator.policies.validation import parse
from tests.unit.evaluator.policy_objects import PUBLIC_KEY, applied_policy, policy_object

REGO = {"type": "rego", "data": "package sigstore\n"}
PASS = {"static": {"action": "pass"}}
FAIL = {"static": {"action": "fail", "message": "use our registry"}}
KEY = {"key": {"data": PUBLIC_KEY}}
KEYLESS = {"keyless": {"identities": [{"issuer": "i", "subject": "s"}]}}


def admitted(*authorities: dict[str, Any], policy: dict[str, Any] | None = None) -> Passed | Failed | Unknown:
    body = policy_object(authorities=list(authorities), policy=policy)
    return admit(parse(applied_policy(body)))


@pytest.mark.parametrize("policy", [None, REGO])
def test_a_static_pass_passes(policy: dict[str, Any] | None) -> None:
    assert admitted(PASS, policy=policy) == Passed({"authority-0": {"static": True}})


@pytest.mark.parametrize("policy", [None, REGO])
def test_a_static_fail_fails_with_its_message(policy: dict[str, Any] | None) -> None:
    assert admitted(FAIL, policy=policy) == Failed("disallowed by static policy: use our registry")


def test_a_static_fail_without_a_message_fails_too() -> None:
    assert admitted({"static": {"action": "fail"}}) == Failed("disallowed by static policy")


def test_one_passing_authority_is_enough() -> None:
    assert admitted(FAIL, PASS) == Passed({"authority-1": {"static": True}})


def test_every_passing_authority_is_in_the_document() -> None:
    named = PASS | {"name": "ours"}
    assert admitted(PASS, FAIL, named, policy=REGO) == Passed(
        {"authority-0": {"static": True}, "ours": {"static": True}}
    )


def test_all_failing_authorities_give_their_reasons_once() -> None:
    other = {"static": {"action": "fail", "message": "too old"}}
    assert admitted(FAIL, other, FAIL) == Failed(
        "disallowed by static policy: use our registry; disallowed by static policy: too old"
    )


@pytest.mark.parametrize("signed", [KEY, KEYLESS])
def test_a_static_pass_without_a_text_needs_no_signature(signed: dict[str, Any]) -> None:
    assert admitted(signed, PASS) == Passed({"authority-1": {"static": True}})


@pytest.mark.parametrize("signed", [KEY, KEYLESS])
def test_a_document_that_would_lack_signatures_is_unknown(signed: dict[str, Any]) -> None:
    answer = admitted(PASS, signed, policy=REGO)
    assert isinstance(answer, Unknown)
    assert answer.reason.startswith("spec.authorities[1].key")


@pytest.mark.parametrize("policy", [None, REGO])
@pytest.mark.parametrize("authorities", [[KEY], [KEYLESS], [FAIL, KEY], [KEY, KEYLESS]])
def test_an_outcome_that_depends_on_a_signature_is_unknown(
    authorities: list[dict[str, Any]], policy: dict[str, Any] | None
) -> None:
    assert isinstance(admitted(*authorities, policy=policy), Unknown)

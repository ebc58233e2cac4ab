"""What authorities let through, of whatever image and of one.

Not covered: whether signatures verify (`tests/integration/images/test_signatures.py`).
"""

from typing import Any

import pytest

from evaluator.policies.authorities import Depends, Failed, Passed, Unknown, admit, settle
from evaluator.policies.model import Policy
from evaluator.policies.model_authorities import Key
from evaluator.policies.signatures import Signature, Signed, Unsigned, Unverified, Verification
from evaluator.policies.validation import parse
from tests.unit.evaluator.policy_objects import PUBLIC_KEY, applied_policy, policy_object

REGO = {"type": "rego", "data": "package sigstore\n"}
PASS = {"static": {"action": "pass"}}
FAIL = {"static": {"action": "fail", "message": "use our registry"}}
KEY = {"key": {"data": PUBLIC_KEY}}
KEYLESS = {"keyless": {"identities": [{"issuer": "i", "subject": "s"}]}}
KMS = {"key": {"kms": "gcpkms://a"}}


def admitted(
    *authorities: dict[str, Any], policy: dict[str, Any] | None = None
) -> Passed | Failed | Unknown | Depends:
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


def keyed(*authorities: dict[str, Any], rego: bool = False) -> tuple[Policy, Key]:
    body = policy_object(authorities=list(authorities), policy=REGO if rego else None)
    policy = parse(applied_policy(body))
    (key,) = (each for each in policy.authorities if isinstance(each, Key) and each.key.data)
    return policy, key


@pytest.mark.parametrize("authorities", [[KMS], [FAIL, KMS]])
def test_what_is_not_verified_here_is_unknown(authorities: list[dict[str, Any]]) -> None:
    assert isinstance(admitted(*authorities), Unknown)


def test_a_document_that_would_lack_signatures_is_unknown() -> None:
    answer = admitted(PASS, KEY, KMS, policy=REGO)
    assert isinstance(answer, Unknown)
    assert "spec.authorities[2].key.kms" in answer.reason


@pytest.mark.parametrize("signed", [KEY, KEYLESS])
@pytest.mark.parametrize("policy", [None, REGO])
def test_an_authority_that_signs_depends_on_the_image(
    signed: dict[str, Any], policy: dict[str, Any] | None
) -> None:
    assert isinstance(admitted(FAIL, signed, policy=policy), Depends)


@pytest.mark.parametrize(
    ("verification", "expected"),
    [
        (Signed((Signature("ab"),)), Passed({"authority-1": {"signatures": [{"id": "ab"}]}})),
        (
            Unsigned("no signature"),
            Failed("disallowed by static policy: use our registry; authority-1: no signature"),
        ),
    ],
)
def test_an_image_is_let_through_by_its_signature(verification: Verification, expected: object) -> None:
    policy, key = keyed(FAIL, KEY)
    assert settle(policy, {key: verification}) == expected


def test_a_registry_that_gives_no_answer_is_neither_a_pass_nor_a_fail() -> None:
    policy, key = keyed(FAIL, KEY)
    answer = settle(policy, {key: Unverified("503", 7.0)})
    assert isinstance(answer, Unknown)
    assert answer.retry_after == 7.0


def test_an_unknown_authority_beside_a_key_that_does_not_verify_leaves_it_open() -> None:
    policy, key = keyed(KEY, KMS)
    assert isinstance(settle(policy, {key: Unsigned("no signature")}), Unknown)
    assert isinstance(settle(policy, {key: Signed((Signature("ab"),))}), Passed)

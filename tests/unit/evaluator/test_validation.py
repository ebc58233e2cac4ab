"""A ClusterImagePolicy's spec: every invalid case names its field, every valid one is read in full.

Authorities have their own file. Not covered here: whether the text compiles, which engines know.
"""

from typing import Any

import msgspec
import pytest

from evaluator.policies.model import MatchRule
from evaluator.policies.model_text import PolicyType, Rego, TextSource
from evaluator.policies.reading import InvalidPolicyError
from evaluator.policies.resources import RESOURCES
from evaluator.policies.validation import parse, policy_ref
from pipeline.errors import PolicyError
from pipeline.events import Mode, PolicyText
from tests.unit.evaluator.policy_objects import applied_policy, policy_object, problems_of

REGO = {"type": "rego", "data": "package sigstore\n"}


def parsed_text(**policy: Any) -> Rego:
    rego = parse(applied_policy(policy_object(policy=policy))).rego
    assert rego is not None
    return rego


@pytest.mark.parametrize("version", ["v1alpha1", "v1beta1"])
def test_both_versions_are_read(version: str) -> None:
    body = policy_object() | {"apiVersion": f"policy.sigstore.dev/{version}"}
    assert parse(applied_policy(body)).globs == ("**",)


def test_another_version_or_kind_is_invalid() -> None:
    problems = problems_of(policy_object() | {"apiVersion": "policy.sigstore.dev/v9", "kind": "Pod"})
    assert set(problems) == {"apiVersion", "kind"}


def test_a_policy_without_a_spec_is_invalid() -> None:
    body = policy_object()
    del body["spec"]
    assert problems_of(body) == {"spec": "expected an object, got nothing"}


def test_a_policy_without_images_is_invalid() -> None:
    assert problems_of(policy_object(images=[])) == {"spec.images": "expected at least one glob, got none"}
    assert "spec.images" in problems_of(policy_object(images=None))


def test_an_empty_glob_is_invalid() -> None:
    assert "spec.images[0].glob" in problems_of(policy_object(images=[{"glob": ""}]))
    assert "spec.images[1].glob" in problems_of(policy_object(images=[{"glob": "a"}, {}]))


@pytest.mark.parametrize("glob", ["$FOO*", "[", "a b", "nginx\n", "é", "a{b}", "a?"])
def test_a_glob_with_other_characters_is_invalid(glob: str) -> None:
    reason = problems_of(policy_object(images=[{"glob": glob}]))["spec.images[0].glob"]
    assert reason.startswith("expected letters, digits and the characters")


@pytest.mark.parametrize("glob", ["*", "**", "k8s.gcr.io/**", "localhost:5000/a_b-c", "a@sha256:00"])
def test_a_glob_of_legal_characters_is_valid(glob: str) -> None:
    assert parse(applied_policy(policy_object(images=[{"glob": glob}]))).globs == (glob,)


def test_no_match_means_no_rule() -> None:
    assert parse(applied_policy(policy_object())).match == ()


@pytest.mark.parametrize("resource", sorted(RESOURCES))
def test_every_workload_kind_may_be_matched(resource: str) -> None:
    body = policy_object(match=[{"group": "apps", "version": "v1", "resource": resource}])
    assert parse(applied_policy(body)).match == (MatchRule("apps", "v1", resource),)


def test_matching_another_resource_is_invalid() -> None:
    problems = problems_of(policy_object(match=[{"version": "v1", "resource": "services"}]))
    assert problems["spec.match[0].resource"].endswith('got the string "services"')


def test_a_selector_alone_is_invalid() -> None:
    assert set(problems_of(policy_object(match=[{"selector": {"matchLabels": {"a": "b"}}}]))) == {
        "spec.match[0].selector"
    }


@pytest.mark.parametrize("field", ["resource", "version", "group"])
def test_a_selector_beside_a_resource_version_or_group_is_valid(field: str) -> None:
    assert not problems_of(policy_object(match=[{field: "pods", "selector": {"matchLabels": {"a": "b"}}}]))


def test_a_match_item_that_can_match_nothing_is_valid_but_warned_of() -> None:
    policy = parse(applied_policy(policy_object(match=[{"resource": "pods"}])))
    assert [warning.path for warning in policy.warnings] == ["spec.match[0]"]


@pytest.mark.parametrize(("written", "mode"), [(None, "enforce"), ("", "enforce"), ("warn", "warn")])
def test_the_mode_is_enforce_unless_warn_is_written(written: str | None, mode: str) -> None:
    assert parse(applied_policy(policy_object(mode=written))).ref.mode == Mode(mode)


def test_another_mode_is_invalid() -> None:
    assert problems_of(policy_object(mode="audit")) == {
        "spec.mode": 'expected warn or enforce, got the string "audit"'
    }


def test_a_policy_without_text_is_valid() -> None:
    assert parse(applied_policy(policy_object())).rego is None


def test_inline_rego_is_read_with_what_its_document_shall_hold() -> None:
    assert parsed_text(**REGO, includeSpec=True, includeTypeMeta=True) == Rego(
        text="package sigstore\n", include_spec=True, include_type_meta=True
    )
    assert parsed_text(**REGO, includeObjectMeta=True, includeSpec=False).include_object_meta


@pytest.mark.parametrize("type_", [None, "", "REGO", "yaml"])
def test_another_policy_type_is_invalid(type_: str | None) -> None:
    assert "spec.policy.type" in problems_of(policy_object(policy={"type": type_, "data": "x"}))


@pytest.mark.parametrize("policy", [{}, {"data": ""}, {"data": None, "remote": None}])
def test_a_policy_text_from_nowhere_is_invalid(policy: dict[str, Any]) -> None:
    problems = problems_of(policy_object(policy={"type": "rego", **policy}))
    assert problems == {"spec.policy": "expected exactly one of data, configMapRef, remote, got none"}


CONFIG_MAP = {"name": "rules", "namespace": "ops", "key": "policy.rego"}
REMOTE = {"url": "https://example.com/policy.rego", "sha256sum": "0" * 64}


@pytest.mark.parametrize(
    "policy",
    [
        {"data": "x", "configMapRef": CONFIG_MAP},
        {"data": "x", "remote": REMOTE},
        {"configMapRef": CONFIG_MAP, "remote": REMOTE},
    ],
)
def test_a_policy_text_from_two_places_is_invalid(policy: dict[str, Any]) -> None:
    problems = problems_of(policy_object(policy={"type": "rego", **policy}))
    assert problems == {
        "spec.policy": "expected exactly one of data, configMapRef, remote, got " + " and ".join(policy)
    }


@pytest.mark.parametrize("missing", ["name", "key"])
def test_a_config_map_reference_needs_name_and_key(missing: str) -> None:
    reference = {name: value for name, value in CONFIG_MAP.items() if name != missing}
    problems = problems_of(policy_object(policy={"type": "rego", "configMapRef": reference}))
    assert set(problems) == {f"spec.policy.configMapRef.{missing}"}


@pytest.mark.parametrize("url", ["", "http://example.com/p", "https://", "example.com", "https://[", "/p"])
def test_a_remote_policy_needs_https_and_a_host(url: str) -> None:
    problems = problems_of(policy_object(policy={"type": "rego", "remote": REMOTE | {"url": url}}))
    assert set(problems) == {"spec.policy.remote.url"}


def test_a_remote_policy_needs_a_checksum() -> None:
    problems = problems_of(policy_object(policy={"type": "rego", "remote": {"url": REMOTE["url"]}}))
    assert set(problems) == {"spec.policy.remote.sha256sum"}


@pytest.mark.parametrize(
    ("policy", "field"),
    [
        ({"type": "cue", "data": "x"}, "spec.policy.type"),
    ],
)
def test_what_tocsin_does_not_evaluate_yet_is_valid_and_named(policy: dict[str, Any], field: str) -> None:
    parsed = parse(applied_policy(policy_object(policy=policy)))
    assert parsed.unsupported.startswith(f"{field}: Tocsin does not ")
    assert parsed.rego is not None
    assert parsed.rego.unsupported == parsed.unsupported


def test_where_the_text_is_and_its_language_are_kept() -> None:
    text = parsed_text(type="cue", remote=REMOTE)
    assert (text.type, text.source, text.text) == (PolicyType.CUE, TextSource.REMOTE, "")


def test_plain_rego_is_supported() -> None:
    assert parse(applied_policy(policy_object(policy=REGO))).unsupported == ""


def test_all_problems_are_told_at_once_in_one_line() -> None:
    body = policy_object(images=[{"glob": "$"}], mode="audit", authorities=[], policy={"type": "x"})
    with pytest.raises(InvalidPolicyError) as caught:
        parse(applied_policy(body))
    assert isinstance(caught.value, PolicyError)
    assert [problem.path for problem in caught.value.problems] == [
        "spec.images[0].glob",
        "spec.authorities",
        "spec.mode",
        "spec.policy.type",
        "spec.policy",
    ]
    assert str(caught.value) == "; ".join(map(str, caught.value.problems))
    assert "\n" not in str(caught.value)


def test_a_wrong_type_is_told_once() -> None:
    assert problems_of(policy_object(images=[{"glob": 5}])) == {
        "spec.images[0].glob": "expected a string, got the number 5"
    }
    assert problems_of(policy_object(images={})) == {"spec.images": "expected a list, got an empty object"}


def test_unknown_fields_are_ignored_and_kept_for_a_linter() -> None:
    policy = parse(applied_policy(policy_object(policy=REGO | {"includespec": True}, imagez=[])))
    assert policy.unknown_fields == ("spec.imagez", "spec.policy.includespec")


def test_a_reference_has_everything_that_names_a_policy() -> None:
    body = policy_object(mode="warn")
    body["metadata"] |= {"uid": "u-1", "generation": 7, "annotations": {"tocsin.dev/title": "No root"}}
    ref = parse(applied_policy(body)).ref
    assert (ref.name, ref.digest, ref.mode) == ("under-test", "sha256:policy", Mode.WARN)
    assert (ref.uid, ref.generation, ref.title) == ("u-1", 7, "No root")


def test_an_invalid_policy_can_be_named_too() -> None:
    body: dict[str, Any] = {"metadata": {"uid": 5, "generation": True, "annotations": []}, "spec": "x"}
    ref = policy_ref(applied_policy(body))
    assert (ref.name, ref.mode, ref.uid, ref.generation, ref.title) == (
        "under-test",
        Mode.ENFORCE,
        "",
        0,
        "",
    )


@pytest.mark.parametrize(
    ("policy", "field"),
    [({"configMapRef": CONFIG_MAP}, "spec.policy.configMapRef"), ({"remote": REMOTE}, "spec.policy.remote")],
)
def test_a_text_that_is_elsewhere_comes_with_the_event(policy: dict[str, Any], field: str) -> None:
    applied = applied_policy(policy_object(policy={"type": "rego", **policy}))
    missing = parse(applied).rego
    assert missing is not None
    assert "did not come" in missing.problem
    sent = PolicyText(path=field, text="package sigstore")
    found = parse(msgspec.structs.replace(applied, texts=(sent,))).rego
    assert found is not None
    assert (found.text, found.problem, found.field) == ("package sigstore", "", field)
    why = parse(msgspec.structs.replace(applied, texts=(PolicyText(path=field, problem="no"),))).rego
    assert why is not None
    assert (why.text, why.problem) == ("", "no")

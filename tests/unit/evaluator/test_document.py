"""The input document: exactly the keys asked for, the same bytes for the same content.

Not covered: `config`, which needs image config files.
"""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.policies.document import DocumentBuilder, build, document_key
from evaluator.policies.model_text import Rego
from pipeline.errors import DocumentError
from tests.unit.evaluator.policy_objects import JSON_VALUES, applied_resource, pod

MATCHES = {"authority-0": {"static": True}}
DEPLOYMENT: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "cart", "labels": {"app": "cart"}, "managedFields": [{"manager": "kubectl"}]},
    "spec": {
        "replicas": 2,
        "template": {"metadata": {"labels": {"app": "pod"}}, "spec": {"hostNetwork": False}},
    },
    "status": {"replicas": 2},
}


def document(rego: Rego, body: dict[str, Any] = DEPLOYMENT) -> Any:
    return json.loads(build(rego, applied_resource(body), MATCHES))


def test_authority_matches_are_always_there_and_nothing_else_unless_asked_for() -> None:
    assert document(Rego("")) == {"authorityMatches": MATCHES}


def test_the_spec_is_that_of_the_object_as_it_is_written() -> None:
    assert document(Rego("", include_spec=True)) == {
        "authorityMatches": MATCHES,
        "spec": DEPLOYMENT["spec"],
    }


def test_the_metadata_is_that_of_the_object_without_managed_fields() -> None:
    assert document(Rego("", include_object_meta=True)) == {
        "authorityMatches": MATCHES,
        "metadata": {"name": "cart", "labels": {"app": "cart"}},
    }
    assert "managedFields" in DEPLOYMENT["metadata"]


@pytest.mark.parametrize("body", [DEPLOYMENT, pod("app")])
def test_the_type_is_given_for_every_kind(body: dict[str, Any]) -> None:
    assert document(Rego("", include_type_meta=True), body) == {
        "authorityMatches": MATCHES,
        "typemeta": {"apiVersion": body["apiVersion"], "kind": body["kind"]},
    }


def test_all_parts_may_be_asked_for_at_once() -> None:
    rego = Rego("", include_spec=True, include_object_meta=True, include_type_meta=True)
    assert set(document(rego)) == {"authorityMatches", "spec", "metadata", "typemeta"}


def test_a_part_that_the_object_lacks_is_absent() -> None:
    body = {"apiVersion": "v1", "kind": "Pod"}
    assert set(document(Rego("", include_spec=True, include_object_meta=True), body)) == {"authorityMatches"}


def test_policies_that_ask_alike_share_a_document() -> None:
    builder = DocumentBuilder(applied_resource(DEPLOYMENT))
    spec = Rego("package a", include_spec=True)
    first = builder.build(document_key(spec, MATCHES))
    assert builder.build(document_key(Rego("package b", include_spec=True), dict(MATCHES))) is first
    assert first.encode() is first.encode()
    assert builder.build(document_key(Rego("package a"), MATCHES)) is not first
    assert builder.build(document_key(spec, {"b": {"static": True}})) is not first


def test_equal_keys_mean_equal_documents() -> None:
    spec = Rego("a", include_spec=True)
    assert document_key(spec, MATCHES) == document_key(Rego("b", include_spec=True), MATCHES)
    assert document_key(spec, MATCHES) != document_key(Rego("a", include_object_meta=True), MATCHES)


def test_large_numbers_keep_their_digits() -> None:
    body = pod("app") | {"spec": {"big": 10**30, "port": 8080}}
    assert b"1000000000000000000000000000000" in build(
        Rego("", include_spec=True), applied_resource(body), MATCHES
    )


@pytest.mark.parametrize("value", [{1: "a"}, {"a": object()}])
def test_an_object_that_is_no_json_is_a_document_error(value: Any) -> None:
    body = pod("app") | {"spec": value}
    with pytest.raises(DocumentError, match=r"^spec: expected JSON, got what cannot be encoded: "):
        build(Rego("", include_spec=True), applied_resource(body), MATCHES)


def test_an_object_nested_too_deep_is_a_document_error() -> None:
    nested: dict[str, Any] = {}
    for _ in range(100_000):
        nested = {"a": nested}
    with pytest.raises(DocumentError):
        build(Rego("", include_spec=True), applied_resource(pod("app") | {"spec": nested}), MATCHES)


def reversed_maps(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: reversed_maps(item) for key, item in reversed(value.items())}
    return [reversed_maps(item) for item in value] if isinstance(value, list) else value


@given(st.dictionaries(st.text(max_size=4), JSON_VALUES), st.dictionaries(st.text(max_size=4), JSON_VALUES))
def test_a_document_does_not_depend_on_map_order(spec: dict[str, Any], metadata: dict[str, Any]) -> None:
    rego = Rego("", include_spec=True, include_object_meta=True)
    body = pod("app") | {"spec": spec, "metadata": metadata}
    one = build(rego, applied_resource(body), MATCHES)
    other = build(rego, applied_resource(reversed_maps(body)), reversed_maps(MATCHES))
    assert one == other
    assert json.loads(one)["spec"] == spec

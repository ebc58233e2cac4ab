"""From a document's value to what it means: kinds, lists, identities, digests, and what is wrong with it.

Not here: which field has which type (`test_kinds`), reading files (`test_reading`).
"""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.events import ResourceRef
from tests.unit.watcher.workloads import KINDS, pod, workload
from watcher.documents import ListKind
from watcher.objects import Finding, PassedOver, Policy, Problem, Resource, read


def _read(value: Any, list_kind: ListKind | None = None) -> list[Finding]:
    return list(read(value, "default", list_kind))


def _resource(value: Any) -> Resource:
    (found,) = _read(value)
    assert isinstance(found, Resource)
    return found


def _problem(value: Any) -> str:
    (found,) = _read(value)
    assert isinstance(found, Problem)
    return found.message


@pytest.mark.parametrize(("api_version", "kind"), KINDS)
def test_every_workload_kind_is_found(api_version: str, kind: str) -> None:
    found = _resource(workload(api_version, kind))
    assert (found.ref.api_version, found.ref.kind, found.ref.name) == (api_version, kind, "web")
    assert found.group == api_version.rpartition("/")[0]


@pytest.mark.parametrize(
    ("api_version", "kind", "said"),
    [
        ("v1", "Service", "Service"),
        ("apps/v2", "Deployment", "Deployment of apps/v2"),
        ("example.com/v1", "Pod", "Pod of example.com/v1"),
        ("example.com/v1", "ClusterImagePolicy", "ClusterImagePolicy of example.com/v1"),
        ("example.com/v1", "AllowList", "AllowList"),
    ],
)
def test_another_kind_is_passed_over(api_version: str, kind: str, said: str) -> None:
    assert _read({"apiVersion": api_version, "kind": kind, "spec": 1}) == [PassedOver(said)]


def test_a_policy_of_either_version_is_found_whatever_its_spec() -> None:
    for version in ("v1alpha1", "v1beta1"):
        body = {"apiVersion": f"policy.sigstore.dev/{version}", "kind": "ClusterImagePolicy", "spec": 5}
        (found,) = _read({**body, "metadata": {"name": "p"}})
        assert isinstance(found, Policy)
        assert found.name == "p"


def test_an_empty_document_is_nothing() -> None:
    assert _read(None) == []


def test_lists_are_opened_to_the_bottom() -> None:
    inner = {"apiVersion": "v1", "kind": "List", "items": [pod("b"), {"apiVersion": "v1", "kind": "Service"}]}
    body = {"apiVersion": "v1", "kind": "List", "items": [pod("a"), inner, pod("c")]}
    found = _read(body)
    assert [item.ref.name for item in found if isinstance(item, Resource)] == ["a", "b", "c"]
    assert PassedOver("Service") in found


def test_items_of_a_pod_list_need_no_kind() -> None:
    item = {"metadata": {"name": "a"}, "spec": pod("a")["spec"], "kind": "", "apiVersion": None}
    (found,) = _read({"apiVersion": "v1", "kind": "PodList", "items": [item]})
    assert isinstance(found, Resource)
    assert (found.ref.kind, found.object["kind"], found.object["apiVersion"]) == ("Pod", "Pod", "v1")


def test_an_item_that_was_cut_out_of_its_list_is_read_as_in_it() -> None:
    item = {"metadata": {"name": "a"}, "spec": workload("apps/v1", "Deployment")["spec"]}
    (found,) = _read(item, ListKind("apps/v1", "DeploymentList"))
    assert isinstance(found, Resource)
    assert found.ref.kind == "Deployment"
    (problem,) = _read(item, ListKind("v1", "List"))
    assert problem == Problem("no apiVersion: every Kubernetes object has one")


@pytest.mark.parametrize("items", [None, []])
def test_a_list_without_items_is_empty(items: Any) -> None:
    assert _read({"apiVersion": "v1", "kind": "List", "items": items}) == []
    assert _read({"apiVersion": "v1", "kind": "List"}) == []


def test_a_bad_item_names_its_index_and_costs_no_other() -> None:
    found = _read({"apiVersion": "v1", "kind": "List", "items": [pod("a"), "x", None, pod("b")]})
    assert [type(item) for item in found] == [Resource, Problem, Problem, Resource]
    assert found[1] == Problem("items[1]: expected an object with apiVersion and kind, got a string", 1)
    assert found[2] == Problem("items[2]: expected an object with apiVersion and kind, got nothing", 2)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("text", "expected an object with apiVersion and kind, got a string"),
        ([1], "expected an object with apiVersion and kind, got a list"),
        (True, "expected an object with apiVersion and kind, got a boolean"),
        ({}, "no apiVersion: every Kubernetes object has one"),
        ({"apiVersion": "v1"}, "no kind: every Kubernetes object has one"),
        ({"apiVersion": 1, "kind": "Pod"}, "apiVersion: expected a string, got a number"),
        ({"apiVersion": "v1", "kind": ["Pod"]}, "kind: expected a string, got a list"),
        ({"apiVersion": "v1", "kind": "List", "items": 1}, "items: expected a list, got a number"),
        ({"apiVersion": "v1", "kind": "Pod"}, "Pod: no metadata: it needs at least a name"),
        ({"apiVersion": "v1", "kind": "Pod", "metadata": None}, "Pod: no metadata: it needs at least a name"),
        ({"apiVersion": "v1", "kind": "Pod", "metadata": {}}, "Pod: no metadata.name"),
        (
            {"apiVersion": "v1", "kind": "Pod", "metadata": []},
            "Pod: metadata: expected an object, got a list",
        ),
        (
            {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": 5}},
            "Pod: metadata.name: expected a string, got an integer; quote it",
        ),
        (
            {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}},
            "Pod a: spec.containers: a Pod needs at least one container",
        ),
        (
            {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": {"containers": []}},
            "Pod a: spec.containers: a Pod needs at least one container",
        ),
        (
            {
                "apiVersion": "batch/v1",
                "kind": "CronJob",
                "metadata": {"name": "a"},
                "spec": {"jobTemplate": None},
            },
            "CronJob a: spec.jobTemplate.spec.template.spec.containers: a Pod needs at least one container",
        ),
        (
            {"apiVersion": "policy.sigstore.dev/v1beta1", "kind": "ClusterImagePolicy"},
            "ClusterImagePolicy: no metadata: it needs at least a name",
        ),
        (
            {
                "apiVersion": "policy.sigstore.dev/v1beta1",
                "kind": "ClusterImagePolicy",
                "metadata": {"name": ""},
            },
            "ClusterImagePolicy: no metadata.name",
        ),
    ],
)
def test_what_is_no_object_is_named(value: Any, said: str) -> None:
    assert _problem(value) == said


@pytest.mark.parametrize(("field", "most"), [("name", 253), ("generateName", 253), ("namespace", 63)])
def test_names_longer_than_the_api_server_takes_are_problems(field: str, most: int) -> None:
    body = pod("a")
    if field == "generateName":
        del body["metadata"]["name"]
    body["metadata"][field] = "n" * most
    assert isinstance(_read(body)[0], Resource)
    body["metadata"][field] += "n"
    (found,) = _read(body)
    assert isinstance(found, Problem)
    said = "name" if field == "generateName" else field
    assert found.message.endswith(f": metadata.{said}: {most + 1} characters, Kubernetes takes {most}")
    assert len(found.message) < 200
    assert found.resource is not None
    assert len(found.resource.name) <= 80


@pytest.mark.parametrize(("field", "most"), [("name", 253), ("kind", 63)])
def test_an_owner_with_a_name_of_any_length_is_a_problem(field: str, most: int) -> None:
    body = pod("a")
    owner = {"apiVersion": "v1", "kind": "ReplicaSet", "name": "b", "uid": "u", "controller": True}
    body["metadata"]["ownerReferences"] = [{**owner, field: "n" * most}]
    assert isinstance(_read(body)[0], Resource)
    body["metadata"]["ownerReferences"] = [{**owner, field: "n" * (most + 1)}]
    assert f"ownerReferences: {field}: {most + 1} characters" in _problem(body)


def test_a_policy_with_a_long_name_is_a_problem() -> None:
    body = {"apiVersion": "policy.sigstore.dev/v1beta1", "kind": "ClusterImagePolicy", "spec": {}}
    assert isinstance(_read({**body, "metadata": {"name": "p" * 253}})[0], Policy)
    assert _problem({**body, "metadata": {"name": "p" * 254}}).endswith(
        "254 characters, Kubernetes takes 253"
    )


def test_a_problem_names_the_object_as_far_as_it_can_be_named() -> None:
    body = pod("a")
    body["metadata"]["namespace"] = "shop"
    body["spec"]["hostNetwork"] = "yes"
    (found,) = _read(body)
    assert isinstance(found, Problem)
    assert found.resource == ResourceRef(api_version="v1", kind="Pod", namespace="shop", name="a")


def test_an_object_that_is_being_deleted_is_not_there() -> None:
    body = pod("a")
    body["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert _read(body) == []


def test_the_namespace_is_the_objects_own_or_the_default() -> None:
    body = pod("a")
    assert _resource(body).ref.namespace == "default"
    body["metadata"]["namespace"] = "shop"
    assert _resource(body).ref.namespace == "shop"


def test_a_generated_name_will_do() -> None:
    body = pod("a")
    body["metadata"] = {"generateName": "a-"}
    assert _resource(body).ref.name == "a-"


def test_the_owner_is_the_controller() -> None:
    body = pod("a")
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "rs", "uid": "7"}
    body["metadata"]["ownerReferences"] = [{**owner, "name": "no"}, {**owner, "controller": True}]
    assert _resource(body).owner == ResourceRef(
        api_version="apps/v1", kind="ReplicaSet", namespace="default", name="rs", uid="7"
    )
    body["metadata"]["ownerReferences"] = [owner]
    assert _resource(body).owner is None


def test_managed_fields_are_left_out_of_the_object() -> None:
    body = pod("a")
    plain = _resource(copy.deepcopy(body))
    body["metadata"]["managedFields"] = [{"manager": "kubectl"}]
    assert _resource(body).object == plain.object
    assert "managedFields" in body["metadata"]  # what was given is not changed


def _shuffled(value: Any, draw: Any) -> Any:
    if isinstance(value, dict):
        keys = draw(st.permutations(list(value)))
        return {key: _shuffled(value[key], draw) for key in keys}
    return [_shuffled(item, draw) for item in value] if isinstance(value, list) else value


@given(st.data())
def test_the_digest_does_not_depend_on_map_order(data: st.DataObject) -> None:
    body = workload("apps/v1", "Deployment")
    assert _resource(_shuffled(body, data.draw)).digest == _resource(body).digest


@pytest.mark.parametrize(
    ("path", "value", "seen"),
    [
        (["status"], {"phase": "Running"}, False),
        (["metadata", "managedFields"], [{"manager": "kubectl"}], False),
        (["metadata", "resourceVersion"], "8", False),
        (["metadata", "generation"], 3, False),
        (["metadata", "labels"], {"a": "b"}, True),
        (["metadata", "annotations"], {"a": "b"}, True),
        (["spec", "hostNetwork"], True, True),
        (["spec", "unknownField"], 1, True),
    ],
)
def test_the_digest_is_of_what_policies_can_see(path: list[str], value: Any, seen: bool) -> None:
    body = pod("a")
    before = _resource(copy.deepcopy(body)).digest
    target = body
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = value
    assert (_resource(body).digest != before) is seen


def test_a_policys_digest_is_of_its_spec() -> None:
    body = {
        "apiVersion": "policy.sigstore.dev/v1beta1",
        "kind": "ClusterImagePolicy",
        "metadata": {"name": "p"},
        "spec": {"mode": "warn"},
    }
    (first,) = _read(body)
    (same,) = _read({**body, "metadata": {"name": "p", "labels": {"a": "b"}}})
    (other,) = _read({**body, "spec": {"mode": "enforce"}})
    assert isinstance(first, Policy)
    assert isinstance(same, Policy)
    assert isinstance(other, Policy)
    assert first.digest == same.digest != other.digest

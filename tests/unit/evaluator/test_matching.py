"""Workloads and whether a policy applies to them: images, match rules, deletion.

Not covered here: globs and selectors in detail, which have their own files.
"""

import contextlib
from typing import Any

import pytest
from hypothesis import given

from evaluator.policies.matching import matching_images, unmatched_images
from evaluator.policies.model import Policy
from evaluator.policies.resources import Workload, workload_of
from evaluator.policies.validation import parse
from pipeline.errors import DocumentError
from pipeline.events import Image
from tests.unit.evaluator.policy_objects import (
    DIGEST,
    JSON_VALUES,
    applied_policy,
    applied_resource,
    pod,
    policy_object,
)

TEMPLATE = {"template": {"spec": {"containers": [{"name": "c0", "image": "nginx"}]}}}
KINDS: list[tuple[str, str, str, dict[str, Any]]] = [
    ("v1", "Pod", "pods", TEMPLATE["template"]["spec"]),
    ("v1", "ReplicationController", "replicationcontrollers", TEMPLATE),
    ("apps/v1", "ReplicaSet", "replicasets", TEMPLATE),
    ("apps/v1", "Deployment", "deployments", TEMPLATE),
    ("apps/v1", "StatefulSet", "statefulsets", TEMPLATE),
    ("apps/v1", "DaemonSet", "daemonsets", TEMPLATE),
    ("batch/v1", "Job", "jobs", TEMPLATE),
    ("batch/v1", "CronJob", "cronjobs", {"jobTemplate": {"spec": TEMPLATE}}),
]


def policy(**spec: Any) -> Policy:
    return parse(applied_policy(policy_object(**spec)))


def workload(body: dict[str, Any]) -> Workload:
    return workload_of(applied_resource(body))


def deployment(**metadata: Any) -> Workload:
    body = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": TEMPLATE}
    return workload(body)


@pytest.mark.parametrize(("api_version", "kind", "resource", "spec"), KINDS)
def test_the_images_of_every_kind_are_found(
    api_version: str, kind: str, resource: str, spec: dict[str, Any]
) -> None:
    found = workload({"apiVersion": api_version, "kind": kind, "metadata": {}, "spec": spec})
    assert found.resource == resource
    assert f"{found.group}/{found.version}".lstrip("/") == api_version
    assert found.images == (Image(name="nginx", container="c0"),)
    rule = {"group": found.group, "version": "v1", "resource": resource}
    assert matching_images(policy(match=[rule]), found) == found.images


def test_another_kind_is_no_workload() -> None:
    with pytest.raises(DocumentError, match=r"^kind: expected one of Pod, .* got the string"):
        workload({"apiVersion": "v1", "kind": "Service", "metadata": {}})


def test_images_come_from_all_containers_and_image_volumes_in_order() -> None:
    body = pod("app")
    body["spec"] |= {
        "volumes": [{"name": "v", "image": {"reference": "data:v1"}}, {"name": "tmp", "emptyDir": {}}],
        "ephemeralContainers": [{"name": "debug", "image": "busybox"}],
        "initContainers": [{"name": "init", "image": "setup"}, {"name": "templated"}],
    }
    assert [(image.container, image.name) for image in workload(body).images] == [
        ("init", "setup"),
        ("c0", "app"),
        ("debug", "busybox"),
        ("v", "data:v1"),
    ]


@pytest.mark.parametrize(
    ("image_id", "digest"),
    [
        (f"docker.io/library/app@{DIGEST}", DIGEST),
        (f"docker-pullable://app@{DIGEST}", DIGEST),
        (DIGEST, ""),
        ("app@latest", ""),
        (f"docker://{DIGEST}", ""),
        ("", ""),
        (5, ""),
    ],
)
def test_the_running_digest_of_a_pod_is_taken_from_its_status(image_id: Any, digest: str) -> None:
    body = pod("app") | {"status": {"containerStatuses": [{"name": "c0", "imageID": image_id}]}}
    assert workload(body).images == (Image(name="app", container="c0", digest=digest),)


def test_init_and_ephemeral_containers_have_running_digests_too() -> None:
    body = pod() | {"status": {}}
    body["spec"] = {
        "initContainers": [{"name": "same", "image": "a"}],
        "ephemeralContainers": [{"name": "e", "image": "b"}],
    }
    body["status"] = {
        "initContainerStatuses": [{"name": "same", "imageID": f"a@{DIGEST}"}],
        "ephemeralContainerStatuses": [{"name": "e", "imageID": f"b@{DIGEST}"}],
        "containerStatuses": "wrong, but a status is no reason to refuse an object",
    }
    assert [image.digest for image in workload(body).images] == [DIGEST, DIGEST]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("x", r"^spec: expected an object, got the string"),
        ({"containers": {}}, r"^spec\.containers: expected a list"),
        ({"initContainers": [5]}, r"^spec\.initContainers\[0\]: expected an object"),
        ({"containers": [{"image": ["a"]}]}, r"^spec\.containers\[0\]\.image: expected a string"),
        ({"containers": [{"image": "a", "name": 5}]}, r"^spec\.containers\[0\]\.name: expected a string"),
        ({"volumes": [{"image": "a"}]}, r"^spec\.volumes\[0\]\.image: expected an object"),
        ({"volumes": [{"image": {"reference": 1}}]}, r"^spec\.volumes\[0\]\.image\.reference: expected"),
    ],
)
def test_a_wrong_type_in_the_pod_spec_is_named(spec: Any, message: str) -> None:
    with pytest.raises(DocumentError, match=message):
        workload(pod() | {"spec": spec})


def test_a_label_that_is_no_string_is_named() -> None:
    with pytest.raises(
        DocumentError, match=r"^metadata\.labels\[v\]: expected a string, got the number 1\.5"
    ):
        workload(pod("app", labels={"v": 1.5}))


@given(JSON_VALUES, JSON_VALUES, JSON_VALUES)
def test_any_json_gives_a_workload_or_a_document_error(metadata: Any, spec: Any, status: Any) -> None:
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec, "status": status}
    with contextlib.suppress(DocumentError):
        workload(body)


def test_without_match_every_kind_is_in() -> None:
    assert matching_images(policy(), deployment()) is not None
    assert matching_images(policy(), workload(pod("app"))) is not None


@pytest.mark.parametrize(
    ("rule", "applies"),
    [
        ({"group": "apps", "version": "v1", "resource": "deployments"}, True),
        ({"group": "apps", "version": "*", "resource": "deployments"}, True),
        ({"group": "*", "version": "*", "resource": "deployments"}, True),
        ({"group": "", "version": "v1", "resource": "deployments"}, False),
        ({"version": "v1", "resource": "deployments"}, False),
        ({"group": "apps", "version": "v1beta1", "resource": "deployments"}, False),
        ({"group": "apps", "version": "v1", "resource": "pods"}, False),
        ({"group": "apps", "resource": "deployments"}, False),
        ({"group": "apps", "version": "v1"}, False),
    ],
)
def test_a_rule_fits_in_resource_version_and_group(rule: dict[str, str], applies: bool) -> None:
    assert (matching_images(policy(match=[rule]), deployment()) is not None) is applies


def test_one_fitting_rule_is_enough() -> None:
    rules = [
        {"version": "v1", "resource": "pods"},
        {"group": "apps", "version": "v1", "resource": "deployments"},
    ]
    assert matching_images(policy(match=rules), deployment()) is not None


def test_a_selector_looks_at_the_resources_own_labels() -> None:
    rule = {
        "group": "apps",
        "version": "v1",
        "resource": "deployments",
        "selector": {"matchLabels": {"app": "cart"}},
    }
    selecting = policy(match=[rule])
    assert matching_images(selecting, deployment(labels={"app": "cart"})) is not None
    assert matching_images(selecting, deployment(labels={"app": "web"})) is None
    labelled_pods = {"template": {"metadata": {"labels": {"app": "cart"}}, **TEMPLATE["template"]}}
    body = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {}, "spec": labelled_pods}
    assert matching_images(selecting, workload(body)) is None


def test_only_the_images_that_a_glob_matches_are_given() -> None:
    found = workload(pod("nginx", "gcr.io/app", "quay.io/app"))
    images = matching_images(policy(images=[{"glob": "gcr.io/**"}, {"glob": "*"}]), found)
    assert images == found.images[:2]


def test_a_policy_without_a_matching_image_does_not_apply() -> None:
    assert matching_images(policy(images=[{"glob": "gcr.io/**"}]), workload(pod("nginx"))) is None
    assert matching_images(policy(), workload(pod())) is None


def test_a_workload_being_deleted_is_not_evaluated() -> None:
    body = pod("nginx", deletionTimestamp="2026-01-01T00:00:00Z")
    assert matching_images(policy(), workload(body)) is None
    assert unmatched_images(workload(body), ()) == ()


def test_images_that_no_policy_matches_are_known() -> None:
    found = workload(pod("nginx", "gcr.io/app"))
    matched = matching_images(policy(images=[{"glob": "gcr.io/**"}]), found)
    assert matched is not None
    assert [image.name for image in unmatched_images(found, matched)] == ["nginx"]

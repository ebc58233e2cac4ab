"""The watcher on a real API server: what happens there is on the log, and nothing else.

Not covered: servers that misbehave (`tests/unit/watcher`), processes that are killed
(`make faults SUITE=watcher`).
"""

import asyncio
import urllib.error
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
import yaml

from pipeline.events import PolicyApplied, Topic
from pipeline.settings import ClusterSettings
from tests.integration.kube.conftest import CRD, NAME, PATIENCE, following, pod
from tests.kube.cluster import Cluster
from watcher.cluster.app import KnownObjects
from watcher.cluster.counts import Counts, Result

pytestmark = pytest.mark.xdist_group("kube")


@pytest.fixture
def namespace(cluster: Cluster, request: pytest.FixtureRequest) -> str:
    """A namespace of the test's own."""
    name: str = request.node.name.replace("_", "-")[:60].strip("-")
    cluster.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    return name


@pytest.fixture
def settings(settings: ClusterSettings, namespace: str) -> ClusterSettings:
    return replace(settings, namespaces=frozenset({namespace}))


def pods(namespace: str, name: str = "") -> str:
    return f"/api/v1/namespaces/{namespace}/pods" + (f"/{name}" if name else "")


def force(cluster: Cluster, path: str) -> None:
    cluster.request("DELETE", path, {"gracePeriodSeconds": 0})


async def test_what_is_there_and_what_comes_and_goes_is_on_the_log(
    cluster: Cluster, namespace: str, settings: ClusterSettings
) -> None:
    cluster.request("POST", pods(namespace), pod("old"))
    async with following(settings) as downstream:
        await downstream.until(lambda d: f"Pod/{namespace}/old" in d.resources)
        cluster.request("POST", pods(namespace), pod("new"))
        await downstream.until(lambda d: f"Pod/{namespace}/new" in d.resources)
        force(cluster, pods(namespace, "old"))
        await downstream.until(lambda d: f"Pod/{namespace}/old" not in d.resources)
    assert list(downstream.resources) == [f"Pod/{namespace}/new"]


async def test_literal_environment_values_do_not_leave_the_watcher(
    cluster: Cluster, namespace: str, settings: ClusterSettings
) -> None:
    annotation = {"kubectl.kubernetes.io/last-applied-configuration": "hunter2"}
    cluster.request("POST", pods(namespace), pod("secret", annotations=annotation))
    async with following(settings) as downstream:
        await downstream.until(lambda d: bool(d.resources))
    applied = downstream.resources[f"Pod/{namespace}/secret"]
    assert "hunter2" not in str(applied)
    assert applied.object["spec"]["containers"][0]["env"][0]["name"] == "PASSWORD"


async def test_a_status_makes_no_event_and_a_running_digest_makes_one(
    cluster: Cluster, namespace: str, settings: ClusterSettings
) -> None:
    cluster.request("POST", pods(namespace), pod("busy"))
    digest = "docker.io/library/nginx@sha256:" + "0" * 64

    def status(**fields: Any) -> None:
        path = pods(namespace, "busy") + "/status"
        cluster.request("PATCH", path, {"status": fields}, "application/merge-patch+json")

    async with following(settings) as downstream:
        await downstream.until(lambda d: bool(d.resources))
        for number in range(20):
            status(message=f"step {number}")
        running = {"name": "web", "image": "nginx:1.27", "imageID": digest, "ready": True, "restartCount": 0}
        status(phase="Running", containerStatuses=[running])
        key = f"Pod/{namespace}/busy"
        await downstream.until(lambda d: "status" in d.resources[key].object)
        cluster.request("POST", pods(namespace), pod("last"))
        await downstream.until(lambda d: f"Pod/{namespace}/last" in d.resources)
    assert downstream.resources[key].object["status"] == {
        "containerStatuses": [{"name": "web", "image": "nginx:1.27", "imageID": digest}]
    }
    assert len([entry for entry in downstream.seen if entry[0] is Topic.RESOURCES]) == 3


async def test_a_pod_is_under_the_deployment_behind_its_replica_set(
    cluster: Cluster, namespace: str, settings: ClusterSettings
) -> None:
    def owner(kind: str, of: Any) -> dict[str, Any]:
        ref = {"apiVersion": "apps/v1", "kind": kind, "name": of["metadata"]["name"], "controller": True}
        return {"ownerReferences": [{**ref, "uid": of["metadata"]["uid"]}]}

    def workload(kind: str, replicas: int, **metadata: Any) -> Any:
        template = {"metadata": {"labels": {"app": "shop"}}, "spec": pod("x")["spec"]}
        spec = {"replicas": replicas, "selector": {"matchLabels": {"app": "shop"}}, "template": template}
        body = {"apiVersion": "apps/v1", "kind": kind, "metadata": metadata, "spec": spec}
        return cluster.request("POST", f"/apis/apps/v1/namespaces/{namespace}/{kind.lower()}s", body)

    async with following(settings) as downstream:
        deployment = workload("Deployment", 1, name="shop")
        current = workload("ReplicaSet", 1, name="shop-2", **owner("Deployment", deployment))
        workload("ReplicaSet", 0, name="shop-1", **owner("Deployment", deployment))
        cluster.request("POST", pods(namespace), pod("shop-2-a", **owner("ReplicaSet", current)))
        strange = {
            "apiVersion": "example.com/v1",
            "kind": "Runner",
            "name": "r",
            "uid": "1",
            "controller": True,
        }
        cluster.request("POST", pods(namespace), pod("ran", ownerReferences=[strange]))
        await downstream.until(lambda d: len(d.resources) == 4)
    owners = {
        key: (d.owner.kind, d.owner.name) if d.owner else None for key, d in downstream.resources.items()
    }
    assert owners == {
        f"Deployment/{namespace}/shop": None,
        f"ReplicaSet/{namespace}/shop-2": ("Deployment", "shop"),
        f"Pod/{namespace}/shop-2-a": ("Deployment", "shop"),
        f"Pod/{namespace}/ran": ("Runner", "r"),
    }


async def test_policies_are_followed_too(cluster: Cluster, settings: ClusterSettings) -> None:
    path = "/apis/policy.sigstore.dev/v1beta1/clusterimagepolicies"
    body: dict[str, Any] = {
        "apiVersion": "policy.sigstore.dev/v1beta1",
        "kind": "ClusterImagePolicy",
        "metadata": {"name": "followed"},
        "spec": {"images": [{"glob": "**"}], "authorities": [{"static": {"action": "pass"}}]},
    }
    key = (Topic.POLICIES, f"{NAME}/followed")

    def mode(d: Any) -> Any:
        event = d.events.get(key)
        return (
            event.data.object["spec"].get("mode") if event and isinstance(event.data, PolicyApplied) else ""
        )

    async with following(settings) as downstream:
        cluster.request("POST", path, body)
        await downstream.until(lambda d: mode(d) is None)
        patch = {"spec": {"mode": "warn"}}
        cluster.request("PATCH", f"{path}/followed", patch, "application/merge-patch+json")
        await downstream.until(lambda d: mode(d) == "warn")
        cluster.request("DELETE", f"{path}/followed")
        await downstream.until(lambda d: key not in d.events)


async def test_what_an_earlier_run_knew_and_is_gone_is_withdrawn(
    cluster: Cluster, namespace: str, settings: ClusterSettings
) -> None:
    there = cluster.request("POST", pods(namespace), pod("there"))["metadata"]["uid"]
    known = KnownObjects(
        {
            f"{NAME}/{there}": ("Pod", namespace),
            f"{NAME}/long-gone": ("Pod", namespace),
            f"{NAME}/lost": ("Job", namespace),
            f"{NAME}/elsewhere": ("Pod", "elsewhere"),
        },
        frozenset({f"{NAME}/no-such-policy"}),
    )
    async with following(settings, known) as downstream:
        await downstream.until(lambda d: bool(d.resources) and len(d.gone) > 2)
    assert downstream.gone == {f"{NAME}/long-gone", f"{NAME}/lost", f"{NAME}/no-such-policy"}


async def test_a_server_that_restarts_and_forgets_costs_nothing(
    cluster: Cluster, namespace: str, settings: ClusterSettings
) -> None:
    cluster.request("POST", pods(namespace), pod("stays"))
    cluster.request("POST", pods(namespace), pod("goes"))
    async with following(settings) as downstream:
        await downstream.until(lambda d: len(d.resources) == 2)
        cluster.kill("kube-apiserver")
        cluster.start_server()
        force(cluster, pods(namespace, "goes"))
        cluster.request("POST", pods(namespace), pod("comes"))
        cluster.compact()
        await downstream.until(
            lambda d: set(d.resources) == {f"Pod/{namespace}/stays", f"Pod/{namespace}/comes"}
        )


async def test_a_kind_that_may_not_be_read_stops_no_other(
    cluster: Cluster, namespace: str, settings: ClusterSettings
) -> None:
    cluster.request("POST", pods(namespace), pod("seen"))
    rule = {"apiGroups": [""], "resources": ["pods"], "verbs": ["list", "watch"]}
    role = {"metadata": {"name": "pods-only"}, "rules": [rule]}
    base = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}"
    cluster.request("POST", f"{base}/roles", role)
    binding = {
        "metadata": {"name": "pods-only"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "pods-only"},
        "subjects": [{"kind": "ServiceAccount", "name": "reader", "namespace": namespace}],
    }
    cluster.request("POST", f"{base}/rolebindings", binding)
    cluster.request(
        "POST", f"/api/v1/namespaces/{namespace}/serviceaccounts", {"metadata": {"name": "reader"}}
    )
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/reader/token"
    token = cluster.request("POST", path, {"spec": {}})["status"]["token"]
    settings = replace(settings, kubeconfig=cluster.kubeconfig_for(token))
    known = KnownObjects(failures=frozenset({"pods"}))
    async with following(settings, known) as downstream:
        await downstream.until(lambda d: f"Pod/{namespace}/seen" in d.resources)
        troubles = (await asyncio.wait_for(downstream.listed, PATIENCE)).troubles
        await downstream.until(lambda d: len(d.failures) >= len(troubles) and bool(d.gone))
        assert set(troubles) == downstream.failures
        assert [key for key in downstream.gone if "pods" in key]
        grant = {"rules": [{**rule, "apiGroups": ["*"], "resources": ["*"]}]}
        cluster.request("PATCH", f"{base}/roles/pods-only", grant, "application/merge-patch+json")
        await downstream.until(lambda d: d.failures == {"clusterimagepolicies"})
    assert set(troubles) >= {"deployments", "cronjobs", "clusterimagepolicies"}
    assert "pods" not in troubles


async def test_what_was_seen_is_counted_by_what_came_of_it(
    cluster: Cluster, namespace: str, settings: ClusterSettings
) -> None:
    counts = Counts()
    cluster.request("POST", pods(namespace), pod("counted"))
    async with following(settings, counts=counts) as downstream:
        await downstream.until(lambda d: f"Pod/{namespace}/counted" in d.resources)
        status = {"status": {"phase": "Running"}}
        cluster.request(
            "PATCH", f"{pods(namespace, 'counted')}/status", status, "application/merge-patch+json"
        )
        cluster.request("POST", pods(namespace), pod("after"))
        await downstream.until(lambda d: f"Pod/{namespace}/after" in d.resources)
        force(cluster, pods(namespace, "counted"))
        await downstream.until(lambda d: f"Pod/{namespace}/counted" not in d.resources)
    assert counts.objects["pods", Result.PUBLISHED] == 2
    assert counts.objects["pods", Result.NOISE] >= 1
    assert counts.objects["pods", Result.DELETED] == 1
    assert counts.lists["pods"] == 1
    assert counts.streams["pods"] == 1
    assert not counts.troubles


async def test_policies_are_withdrawn_with_their_kind_and_followed_when_it_comes_again(
    cluster: Cluster, settings: ClusterSettings
) -> None:
    crd = yaml.safe_load(CRD.read_text(encoding="utf-8"))
    crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    policies = "/apis/policy.sigstore.dev/v1beta1/clusterimagepolicies"
    cluster.request("DELETE", f"{crds}/{crd['metadata']['name']}")
    try:
        cluster.until_missing(policies)
        async with following(settings, KnownObjects(policies=frozenset({f"{NAME}/old"}))) as downstream:
            await downstream.until(lambda d: f"{NAME}/old" in d.gone)
            await downstream.until(lambda d: "clusterimagepolicies" in d.failures)
            cluster.request("POST", crds, crd)
            cluster.until_served(policies)
            spec = {"images": [{"glob": "**"}], "authorities": [{"static": {"action": "pass"}}]}
            body = {"apiVersion": "policy.sigstore.dev/v1beta1", "kind": "ClusterImagePolicy"}
            cluster.request("POST", policies, {**body, "metadata": {"name": "back"}, "spec": spec})
            await downstream.until(lambda d: (Topic.POLICIES, f"{NAME}/back") in d.events)
            await downstream.until(lambda d: not d.failures)
        cluster.request("DELETE", f"{policies}/back")
    finally:
        with suppress(urllib.error.HTTPError):  # it is there again
            cluster.request("POST", crds, crd)
        cluster.until_served(policies)

"""Policies whose text is in a ConfigMap of a real API server: found, missing, changed, deleted, denied.

Not covered: texts behind URLs (`tests/integration/watcher/test_remote_texts.py`).
"""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from pipeline.bus_memory import MemoryBus
from pipeline.events import PolicyApplied, Topic
from pipeline.settings import ClusterSettings
from tests.integration.kube.conftest import NAME, PATIENCE, Downstream, following
from tests.kube.cluster import Cluster
from watcher.cluster.api import ApiServer
from watcher.cluster.app import list_policies

pytestmark = pytest.mark.xdist_group("kube")

POLICIES = "/apis/policy.sigstore.dev/v1beta1/clusterimagepolicies"
POLICY = "texts-elsewhere"
MERGE = "application/merge-patch+json"


@pytest.fixture
def namespace(cluster: Cluster, request: pytest.FixtureRequest) -> str:
    """A namespace of the test's own, where policies' texts are."""
    name: str = request.node.name.replace("_", "-")[:60].strip("-")
    cluster.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    return name


@pytest.fixture
def settings(settings: ClusterSettings, namespace: str) -> ClusterSettings:
    texts = replace(settings.texts, namespace=namespace)
    return replace(settings, texts=texts, namespaces=frozenset({namespace}))


@pytest.fixture
def policy(cluster: Cluster) -> Iterator[str]:
    """A policy whose text is the key `pods.rego` of the ConfigMap `rules`."""
    reference = {"name": "rules", "key": "pods.rego", "namespace": "not-looked-into"}
    spec = {
        "images": [{"glob": "**"}],
        "authorities": [{"static": {"action": "pass"}}],
        "policy": {"type": "rego", "includeSpec": True, "configMapRef": reference},
    }
    kind = {"apiVersion": "policy.sigstore.dev/v1beta1", "kind": "ClusterImagePolicy"}
    cluster.request("POST", POLICIES, {**kind, "metadata": {"name": POLICY}, "spec": spec})
    yield POLICY
    cluster.request("DELETE", f"{POLICIES}/{POLICY}")


def config_maps(namespace: str, name: str = "") -> str:
    return f"/api/v1/namespaces/{namespace}/configmaps" + (f"/{name}" if name else "")


def rules(text: str, name: str = "rules") -> dict[str, Any]:
    return {"metadata": {"name": name}, "data": {"pods.rego": text}}


def applied(downstream: Downstream) -> PolicyApplied | None:
    event = downstream.events.get((Topic.POLICIES, f"{NAME}/{POLICY}"))
    return event.data if event and isinstance(event.data, PolicyApplied) else None


def text(downstream: Downstream) -> str:
    found = applied(downstream)
    return found.texts[0].text if found else ""


def problem(downstream: Downstream) -> str:
    found = applied(downstream)
    return found.texts[0].problem if found else ""


@pytest.mark.usefixtures("policy")
async def test_a_text_that_comes_changes_and_goes_is_a_policy_event_each_time(
    cluster: Cluster, namespace: str, settings: ClusterSettings
) -> None:
    digests: list[str] = []
    async with following(settings) as downstream:
        await downstream.until(lambda d: "not found (the namespace not-looked-into" in problem(d))
        for expected in ("one", "two"):
            method, path = ("PUT", "rules") if digests else ("POST", "")
            cluster.request(method, config_maps(namespace, path), rules(expected))
            await downstream.until(lambda d, expected=expected: text(d) == expected)  # type: ignore[misc]
            found = applied(downstream)
            assert found is not None
            digests.append(found.digest)
        cluster.request("PATCH", config_maps(namespace, "rules"), {"data": {"pods.rego": None}}, MERGE)
        await downstream.until(lambda d: "key pods.rego not found" in problem(d))
        cluster.request("DELETE", config_maps(namespace, "rules"))
        await downstream.until(lambda d: "rules: not found" in problem(d))
        cluster.request("POST", config_maps(namespace), rules("three"))
        await downstream.until(lambda d: text(d) == "three")
    assert len(set(digests)) == 2


@pytest.mark.usefixtures("policy")
async def test_resources_come_after_the_texts_of_policies_are_found_or_known_to_be_missing(
    cluster: Cluster, namespace: str, settings: ClusterSettings
) -> None:
    cluster.request("POST", config_maps(namespace), rules("text"))
    spec = {"containers": [{"name": "web", "image": "nginx"}]}
    cluster.request(
        "POST", f"/api/v1/namespaces/{namespace}/pods", {"metadata": {"name": "web"}, "spec": spec}
    )
    async with following(settings) as downstream:
        await downstream.until(lambda d: bool(d.resources))
    topics = [topic for topic, _, _ in downstream.seen]
    assert topics.index(Topic.POLICIES) < topics.index(Topic.RESOURCES)
    assert text(downstream) == "text"


async def test_a_policy_that_turns_to_another_config_map_gets_its_text(
    cluster: Cluster, namespace: str, settings: ClusterSettings, policy: str
) -> None:
    cluster.request("POST", config_maps(namespace), rules("first"))
    cluster.request("POST", config_maps(namespace), rules("second", "others"))
    async with following(settings) as downstream:
        await downstream.until(lambda d: text(d) == "first")
        patch = {"spec": {"policy": {"configMapRef": {"name": "others"}}}}
        cluster.request("PATCH", f"{POLICIES}/{policy}", patch, MERGE)
        await downstream.until(lambda d: text(d) == "second")
        inline = {"spec": {"policy": {"configMapRef": None, "data": "inline"}}}
        cluster.request("PATCH", f"{POLICIES}/{policy}", inline, MERGE)
        await downstream.until(lambda d: (found := applied(d)) is not None and not found.texts)


@pytest.mark.usefixtures("policy")
async def test_a_text_that_may_not_be_read_is_that_policys_problem_until_it_may(
    cluster: Cluster, namespace: str, settings: ClusterSettings
) -> None:
    cluster.request("POST", config_maps(namespace), rules("secret no more"))
    everything = {"apiGroups": ["policy.sigstore.dev"], "resources": ["clusterimagepolicies"]}
    allow(cluster, namespace, "policies", {**everything, "verbs": ["list", "watch"]}, everywhere=True)
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts"
    cluster.request("POST", path, {"metadata": {"name": "reader"}})
    token = cluster.request("POST", f"{path}/reader/token", {"spec": {}})["status"]["token"]
    reader = replace(settings, kubeconfig=cluster.kubeconfig_for(token))
    async with following(reader) as downstream:
        await downstream.until(lambda d: "forbidden" in problem(d))
        await asyncio.wait_for(downstream.listed, PATIENCE)
        one = {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["rules"]}
        allow(cluster, namespace, "texts", {**one, "verbs": ["list", "watch"]})
        await downstream.until(lambda d: text(d) == "secret no more")


@pytest.mark.usefixtures("policy")
async def test_a_scan_looks_once(cluster: Cluster, namespace: str, settings: ClusterSettings) -> None:
    cluster.request("POST", config_maps(namespace), rules("scanned"))
    bus = MemoryBus()
    async with bus.consume("test", (Topic.POLICIES,)) as consumer, ApiServer.connect(settings) as api:
        await list_policies(api, NAME, bus, settings, lambda: datetime.now(UTC))
        downstream = Downstream(consumer)
        await downstream.until(lambda d: text(d) == "scanned")


def allow(
    cluster: Cluster, namespace: str, name: str, rule: dict[str, Any], *, everywhere: bool = False
) -> None:
    """Give the test's service account a right."""
    prefix = "Cluster" if everywhere else ""
    base = "/apis/rbac.authorization.k8s.io/v1" + ("" if everywhere else f"/namespaces/{namespace}")
    name = f"{namespace}-{name}"
    kind = f"{prefix}Role".lower()
    cluster.request("POST", f"{base}/{kind}s", {"metadata": {"name": name}, "rules": [rule]})
    binding = {
        "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": f"{prefix}Role", "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": "reader", "namespace": namespace}],
    }
    cluster.request("POST", f"{base}/{kind}bindings", binding)

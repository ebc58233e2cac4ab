"""Keys of policies in Secrets of a real API server: found, missing, changed.

Not covered: Secrets in manifests (`tests/e2e/test_signatures.py`).
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from pipeline.events import PolicyApplied, Topic
from pipeline.settings import ClusterSettings
from tests.integration.kube.conftest import NAME, Downstream, following
from tests.kube.cluster import Cluster
from tests.unit.evaluator.policy_objects import PUBLIC_KEY

pytestmark = pytest.mark.xdist_group("kube")

POLICIES = "/apis/policy.sigstore.dev/v1beta1/clusterimagepolicies"
POLICY = "key-elsewhere"


@pytest.fixture
def namespace(cluster: Cluster, request: pytest.FixtureRequest) -> str:
    name: str = request.node.name.replace("_", "-")[:60].strip("-")
    cluster.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    return name


@pytest.fixture
def settings(settings: ClusterSettings, namespace: str) -> ClusterSettings:
    texts = replace(settings.texts, namespace=namespace)
    return replace(settings, texts=texts, namespaces=frozenset({namespace}))


@pytest.fixture
def policy(cluster: Cluster) -> Iterator[str]:
    spec = {"images": [{"glob": "**"}], "authorities": [{"key": {"secretRef": {"name": "ours"}}}]}
    kind = {"apiVersion": "policy.sigstore.dev/v1beta1", "kind": "ClusterImagePolicy"}
    cluster.request("POST", POLICIES, {**kind, "metadata": {"name": POLICY}, "spec": spec})
    yield POLICY
    cluster.request("DELETE", f"{POLICIES}/{POLICY}")


def secret(**entries: str) -> dict[str, Any]:
    return {"metadata": {"name": "ours"}, "stringData": entries}


def found(downstream: Downstream) -> tuple[str, str]:
    event = downstream.events.get((Topic.POLICIES, f"{NAME}/{POLICY}"))
    data = event.data if event else None
    return (data.texts[0].text, data.texts[0].problem) if isinstance(data, PolicyApplied) else ("", "")


@pytest.mark.usefixtures("policy")
async def test_a_key_that_comes_and_changes_is_a_policy_event_and_nothing_else_of_the_secret_is(
    cluster: Cluster, namespace: str, settings: ClusterSettings
) -> None:
    path = f"/api/v1/namespaces/{namespace}/secrets"
    async with following(settings) as downstream:
        await downstream.until(lambda d: f"Secret {namespace}/ours: not found" in found(d)[1])
        cluster.request("POST", path, secret(key="hidden"))
        await downstream.until(lambda d: "expected a public key in PEM" in found(d)[1])
        cluster.request("PUT", f"{path}/ours", secret(key=PUBLIC_KEY))
        await downstream.until(lambda d: found(d)[0] == PUBLIC_KEY)
        cluster.request("PUT", f"{path}/ours", secret(key=PUBLIC_KEY, other="hidden"))
        await downstream.until(lambda d: "expected one entry" in found(d)[1])
    assert "hidden" not in repr(downstream.events)

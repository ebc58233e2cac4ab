"""Trust roots of policies as policy-controller keeps them on a real API server: missing, made, changed, gone.

Not covered: what is verified by them (`tests/e2e/test_keyless.py`).
"""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from pipeline.events import PolicyApplied, PolicyText, Topic
from pipeline.settings import ClusterSettings
from tests.integration.kube.conftest import NAME, Downstream, following
from tests.kube.cluster import Cluster
from watcher.config_maps import SIGSTORE_KEYS

pytestmark = pytest.mark.xdist_group("kube")

POLICIES = "/apis/policy.sigstore.dev/v1beta1/clusterimagepolicies"
POLICY = "trusting"
NAMESPACE = "trust-roots"


@pytest.fixture
def settings(cluster: Cluster, settings: ClusterSettings) -> ClusterSettings:
    cluster.request("POST", "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
    texts = replace(settings.texts, namespace=NAMESPACE)
    return replace(settings, texts=texts, namespaces=frozenset({NAMESPACE}))


@pytest.fixture
def policy(cluster: Cluster) -> Iterator[str]:
    keyless = {"trustRootRef": "ours", "identities": [{"issuer": "https://issuer", "subject": "us"}]}
    spec = {
        "images": [{"glob": "**"}],
        "authorities": [{"keyless": keyless, "ctlog": {"trustRootRef": "theirs"}}],
    }
    kind = {"apiVersion": "policy.sigstore.dev/v1beta1", "kind": "ClusterImagePolicy"}
    cluster.request("POST", POLICIES, {**kind, "metadata": {"name": POLICY}, "spec": spec})
    yield POLICY
    cluster.request("DELETE", f"{POLICIES}/{POLICY}")


def found(downstream: Downstream) -> dict[str, PolicyText]:
    """By the last two names of the field's path."""
    event = downstream.events.get((Topic.POLICIES, f"{NAME}/{POLICY}"))
    data = event.data if event else None
    texts = data.texts if isinstance(data, PolicyApplied) else ()
    return {text.path.split(".")[-2]: text for text in texts}


@pytest.mark.usefixtures("policy")
async def test_a_trust_root_that_comes_changes_and_goes_is_a_policy_event(
    cluster: Cluster, settings: ClusterSettings
) -> None:
    path = f"/api/v1/namespaces/{NAMESPACE}/configmaps"
    kept = {"metadata": {"name": SIGSTORE_KEYS}}
    async with following(settings) as downstream:
        await downstream.until(
            lambda d: len(texts := found(d)) == 2 and all(t.problem for t in texts.values())
        )
        for text in found(downstream).values():
            assert f"ConfigMap {NAMESPACE}/{SIGSTORE_KEYS}" in text.problem
        cluster.request("POST", path, {**kept, "data": {"ours": '{"a":1}'}})
        await downstream.until(lambda d: found(d)["keyless"].text == '{"a":1}')
        assert "not found" in found(downstream)["ctlog"].problem
        cluster.request("PUT", f"{path}/{SIGSTORE_KEYS}", {**kept, "data": {"ours": "{}", "theirs": "[]"}})
        await downstream.until(lambda d: (found(d)["keyless"].text, found(d)["ctlog"].text) == ("{}", "[]"))
        cluster.request("DELETE", f"{path}/{SIGSTORE_KEYS}")
        await downstream.until(lambda d: all(text.problem for text in found(d).values()))

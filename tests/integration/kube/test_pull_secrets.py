"""Secrets and service accounts, read by name from a real API server."""

import base64

from cli.pull_secrets import ClusterObjects
from pipeline.settings import ClusterSettings
from tests.kube.cluster import Cluster


async def test_a_secret_and_a_service_account_are_read_by_name(
    cluster: Cluster, settings: ClusterSettings
) -> None:
    text = base64.b64encode(b'{"auths": {}}').decode()
    body = {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/dockerconfigjson",
        "metadata": {"name": "pull", "namespace": "default"},
        "data": {".dockerconfigjson": text},
    }
    cluster.request("POST", "/api/v1/namespaces/default/secrets", body)
    async with ClusterObjects.connect(settings) as objects:
        secret = await objects.read("secrets", "default", "pull")
        missing = await objects.read("secrets", "default", "../secrets/pull")
    assert secret is not None
    assert secret["data"] == {".dockerconfigjson": text}
    assert missing is None

"""The manifests under deploy/ as a real API server takes them, and as Tocsin's own catalog judges them.

Not covered: that they run (there is no kubelet); what rbac.yaml allows is in `tests/e2e/test_access`.
"""

import base64
from pathlib import Path
from typing import Any

import pytest
import yaml

from deliverer.file import load
from pipeline.errors import UsageError
from pipeline.settings import Settings
from tests.e2e.command import tocsin
from tests.kube.cluster import Cluster

pytestmark = pytest.mark.xdist_group("kube")

DEPLOY = Path(__file__).parents[3] / "deploy"
PATHS = {
    "ConfigMap": "/api/v1/namespaces/tocsin/configmaps",
    "Deployment": "/apis/apps/v1/namespaces/tocsin/deployments",
    "Job": "/apis/batch/v1/namespaces/tocsin/jobs",
}
FILES = ("run.yaml", "services.yaml", "deliver.yaml")


def objects(file: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((DEPLOY / file).read_text(encoding="utf-8")))


def containers(file: str) -> list[tuple[str, dict[str, Any]]]:
    """Name of the workload and its container."""
    return [
        (body["metadata"]["name"], body["spec"]["template"]["spec"]["containers"][0])
        for body in objects(file)
        if body["kind"] != "ConfigMap"
    ]


@pytest.mark.parametrize("file", FILES)
def test_an_api_server_takes_every_field(cluster: Cluster, file: str) -> None:
    if not any(
        item["metadata"]["name"] == "tocsin" for item in cluster.request("GET", "/api/v1/namespaces")["items"]
    ):
        cluster.request("POST", "/api/v1/namespaces", {"metadata": {"name": "tocsin"}})
    for body in objects(file):
        cluster.request("POST", f"{PATHS[body['kind']]}?dryRun=All&fieldValidation=Strict", body)


@pytest.mark.parametrize("file", FILES)
def test_the_restricted_profile_finds_nothing(file: str, tmp_path: Path) -> None:
    ran = tocsin(tmp_path, "scan", str(DEPLOY / file), "-p", "catalog:restricted", "--strict")
    assert ran.code == 0, ran.out


@pytest.mark.parametrize("file", FILES)
def test_each_that_goes_on_is_probed_where_it_listens(file: str) -> None:
    for name, container in containers(file):
        if name in {"tocsin-migrate", "tocsin-topics"}:
            continue
        assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
        assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
        assert container["ports"] == [{"name": "http", "containerPort": 8080}]


def test_the_environment_is_settings() -> None:
    (config,) = [body for body in objects("services.yaml") if body["kind"] == "ConfigMap"]
    names = set(config["data"])
    for file in FILES:
        names |= {each["name"] for _, container in containers(file) for each in container.get("env", [])}
    assert {name.removeprefix("TOCSIN_").lower() for name in names} <= set(Settings.model_fields)


def test_subscribers_of_the_manifests_are_read_where_they_are_mounted_with_secrets_of_the_environment(
    tmp_path: Path,
) -> None:
    config, deployment = objects("deliver.yaml")
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    ((mounted, text),) = config["data"].items()
    volumes = {each["name"]: each["configMap"]["name"] for each in pod["volumes"] if "configMap" in each}
    places = {volumes.get(each["name"]): each["mountPath"] for each in container["volumeMounts"]}
    named = {each["name"]: each.get("value") for each in container["env"]}
    assert named["TOCSIN_SUBSCRIBERS"] == f"{places[config['metadata']['name']]}/{mounted}"
    path = tmp_path / mounted
    path.write_text(text, encoding="utf-8")
    secret = f"whsec_{base64.b64encode(b'0123456789' * 3).decode()}"
    chat, tickets = load(path, {"CHAT_HOOK": "T0/B0/x", "TICKETS_SECRET": secret})
    assert chat.url.endswith("/T0/B0/x")
    assert tickets.secrets
    with pytest.raises(UsageError, match="not set in the environment: CHAT_HOOK"):
        load(path, {})
    assert {"secretRef": {"name": "tocsin-subscribers"}} in container["envFrom"]

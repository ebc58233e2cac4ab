"""`scan` and `run` on a live cluster, as a user starts them. Not the watcher: `tests/integration/kube`."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.command import NOT_PRIVILEGED, TOCSIN, environment, pod, policy, tocsin
from tests.kube.cluster import CONTEXT, Cluster, running
from tests.services import kube

pytestmark = pytest.mark.xdist_group("kube")

CRD = Path(__file__).parents[2] / "deploy" / "clusterimagepolicy-crd.yaml"
PODS = "/api/v1/namespaces/default/pods"
POLICIES = "/apis/policy.sigstore.dev/v1beta1/clusterimagepolicies"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster without ClusterImagePolicies, with one privileged Pod."""
    with running(kube(), tmp_path_factory.mktemp("cluster")) as cluster:
        cluster.request("POST", PODS, pod("bad", privileged=True))
        cluster.request("POST", PODS, pod("good"))
        yield cluster


def env(cluster: Cluster) -> dict[str, str]:
    return {"KUBECONFIG": str(cluster.kubeconfig)}


def test_a_cluster_without_policies_is_scanned_by_the_baseline(cluster: Cluster, tmp_path: Path) -> None:
    ran = tocsin(tmp_path, "scan", "--context", CONTEXT, "-o", "json", env=env(cluster))
    assert ran.code == 0, ran.err
    assert [v["policy"] for v in ran.report["violations"]] == ["baseline-privileged-containers"]
    assert ran.report["summary"]["resources"] == 2


def test_a_context_that_is_not_there_is_one_line(cluster: Cluster, tmp_path: Path) -> None:
    ran = tocsin(tmp_path, "scan", "--context", "nowhere", env=env(cluster))
    assert (ran.code, len(ran.errors)) == (2, 1)
    assert "nowhere" in ran.errors[0]


def test_manifests_and_a_cluster_are_not_mixed(tmp_path: Path) -> None:
    ran = tocsin(tmp_path, "scan", "deploy", "--context", CONTEXT)
    assert (ran.code, len(ran.errors)) == (2, 1)


def test_a_server_that_does_not_answer_is_one_line(cluster: Cluster, tmp_path: Path) -> None:
    config = cluster.config("none", 9)
    (tmp_path / "config").write_text(yaml.safe_dump(config))
    ran = tocsin(tmp_path, "scan", "--context", CONTEXT, env={"KUBECONFIG": str(tmp_path / "config")})
    assert (ran.code, len(ran.errors)) == (3, 1)
    assert "127.0.0.1:9" in ran.errors[0]


def test_a_cluster_is_followed_by_its_own_policies(cluster: Cluster, tmp_path: Path) -> None:
    crd = yaml.safe_load(CRD.read_text(encoding="utf-8"))
    cluster.request("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", crd)
    cluster.until_served(POLICIES)
    cluster.request("POST", POLICIES, policy("own", NOT_PRIVILEGED, "enforce"))
    database = f"sqlite:///{tmp_path / 'audit.db'}"
    with subprocess.Popen(
        [TOCSIN, "run", "--context", CONTEXT, "--db", database],
        env={**environment(tmp_path), **env(cluster)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as run:
        try:
            assert next_line(run).startswith("fail  default/Pod/bad  own:")
            cluster.request("DELETE", f"{PODS}/bad", {"gracePeriodSeconds": 0})
            assert "resource deleted" in next_line(run)
        finally:
            run.terminate()
        assert run.wait() == 0
    listed = tocsin(tmp_path, "violations", "list", "--all", "--db", database, "-o", "json").report
    rows: list[dict[str, Any]] = listed["items"] if isinstance(listed, dict) else listed
    assert [row["resolution"] for row in rows] == ["resource_deleted"]


def next_line(run: "subprocess.Popen[str]") -> str:
    assert run.stdout is not None
    return run.stdout.readline()

"""With the rights of `deploy/rbac.yaml`, and with no others, everything works; `doctor` says what is missing.

The API server's own audit log says what was asked for and refused. Not covered: Kubernetes
before 1.28, which does not say who we are.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.command import NOT_PRIVILEGED, Ran, pod, policy, tocsin, waiver
from tests.e2e.running import running as running_tocsin
from tests.integration.kube.test_waivers import config_map
from tests.kube.cluster import CONTEXT, Cluster, running
from tests.services import kube

pytestmark = pytest.mark.xdist_group("kube")

DEPLOY = Path(__file__).parents[2] / "deploy"
POLICIES = "/apis/policy.sigstore.dev/v1beta1/clusterimagepolicies"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
ACCOUNT = "system:serviceaccount:tocsin:tocsin"
PATHS = {
    "Namespace": "/api/v1/namespaces",
    "ServiceAccount": "/api/v1/namespaces/{}/serviceaccounts",
    "ClusterRole": f"{RBAC}/clusterroles",
    "ClusterRoleBinding": f"{RBAC}/clusterrolebindings",
    "Role": RBAC + "/namespaces/{}/roles",
    "RoleBinding": RBAC + "/namespaces/{}/rolebindings",
    "CustomResourceDefinition": "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
}
WAIVERS = "/api/v1/namespaces/tocsin-waivers/configmaps"
EVERYTHING = {
    "TOCSIN_LEASE": "tocsin/tocsin",
    "TOCSIN_NAMESPACE_SELECTOR": "audit in (yes), !off",
    "TOCSIN_WAIVER_NAMESPACE": "tocsin-waivers",
}


def apply(cluster: Cluster, manifest: str) -> None:
    for body in yaml.safe_load_all((DEPLOY / manifest).read_text(encoding="utf-8")):
        path = PATHS[body["kind"]].format(body["metadata"].get("namespace", ""))
        cluster.request("POST", path, body)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster that writes down who asked for what; namespace `shop` has the label audit=yes."""
    folder = tmp_path_factory.mktemp("cluster")
    rules = {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": [{"level": "Metadata"}]}
    (folder / "audit-policy.yaml").write_text(yaml.safe_dump(rules))
    flags = (
        f"--audit-policy-file={folder}/audit-policy.yaml",
        f"--audit-log-path={folder}/audit.log",
        "--audit-log-mode=blocking",
    )
    with running(kube(), folder, *flags) as cluster:
        apply(cluster, "clusterimagepolicy-crd.yaml")
        cluster.until_served(POLICIES)
        cluster.request("POST", POLICIES, policy("own", NOT_PRIVILEGED, "enforce"))
        far = policy("far", NOT_PRIVILEGED, "enforce")
        del far["spec"]["policy"]["data"]
        far["spec"]["policy"]["configMapRef"] = {"name": "rules", "key": "pods.rego"}
        cluster.request("POST", POLICIES, far)
        shop = {"metadata": {"name": "shop", "labels": {"audit": "yes"}}}
        cluster.request("POST", "/api/v1/namespaces", shop)
        cluster.request("POST", "/api/v1/namespaces/shop/pods", owned_pod("bad"))
        cluster.request("POST", "/api/v1/namespaces/default/pods", owned_pod("unseen"))
        apply(cluster, "rbac.yaml")
        text = {"metadata": {"name": "rules"}, "data": {"pods.rego": f"package sigstore\n{NOT_PRIVILEGED}"}}
        cluster.request("POST", "/api/v1/namespaces/cosign-system/configmaps", text)
        yield cluster


def owned_pod(name: str) -> dict[str, Any]:
    """A privileged Pod whose ReplicaSet nobody knows: it is asked for."""
    body = pod(name, privileged=True)
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "lost", "uid": "1", "controller": True}
    body["metadata"]["ownerReferences"] = [owner]
    return body


def env_of(cluster: Cluster, account: str = "tocsin") -> dict[str, str]:
    """The environment of somebody with a ServiceAccount's token."""
    path = f"/api/v1/namespaces/tocsin/serviceaccounts/{account}/token"
    token = cluster.request("POST", path, {"spec": {}})["status"]["token"]
    return {"KUBECONFIG": cluster.kubeconfig_for(token)}


@pytest.fixture
def env(cluster: Cluster) -> dict[str, str]:
    return env_of(cluster)


def requests(cluster: Cluster) -> list[dict[str, Any]]:
    """What the ServiceAccount asked for, from the audit log."""
    lines = (cluster.folder / "audit.log").read_text(encoding="utf-8").splitlines()
    entries = [json.loads(line) for line in lines]
    return [each for each in entries if each["user"]["username"] == ACCOUNT and "responseStatus" in each]


def allowed(cluster: Cluster, verb: str, group: str, resource: str, **attributes: str) -> bool:
    """The authorizer's word about the ServiceAccount."""
    asked = {"verb": verb, "group": group, "resource": resource, **attributes}
    body = {"spec": {"user": ACCOUNT, "resourceAttributes": asked}}
    answer = cluster.request("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", body)
    return bool(answer["status"]["allowed"])


def doctor(folder: Path, env: dict[str, str]) -> Ran:
    return tocsin(folder, "doctor", "--context", CONTEXT, "-o", "json", env=env)


def test_nothing_that_is_asked_for_is_denied(cluster: Cluster, tmp_path: Path, env: dict[str, str]) -> None:
    ran = tocsin(tmp_path, "scan", "--context", CONTEXT, "-o", "json", env=env)
    assert (ran.code, ran.err.count("cannot")) == (1, 0), ran.err
    assert ran.report["summary"]["resources"] == 2
    with running_tocsin(tmp_path, "run", "--context", CONTEXT, env={**env, **EVERYTHING}) as run:
        run.out.expect("fail", "shop/Pod/bad", "own:")
        said = run.err.expect("read 1 resource")
        cluster.request(
            "POST", WAIVERS, config_map(waiver("pilot", policies=["own"], match={"names": ["bad"]}))
        )
        run.out.expect("waived", "shop/Pod/bad", "own: pilot")
        cluster.request("DELETE", f"{WAIVERS}/exceptions")
        run.out.expect("fail", "shop/Pod/bad", "own:")
        cluster.request("DELETE", "/api/v1/namespaces/shop/pods/bad", {"gracePeriodSeconds": 0})
        run.out.expect("resource deleted")
        assert run.stop() == 0
    assert "warning" not in said
    assert not any("cannot watch" in line or "denied" in line for line in run.err.seen)
    assert not any("unseen" in line for line in run.out.seen)
    asked = requests(cluster)
    assert [each["requestURI"] for each in asked if each["responseStatus"]["code"] in {401, 403}] == []
    # what is granted is made use of
    made = {(each["verb"], each["objectRef"]["resource"]) for each in asked}
    workloads = "pods replicationcontrollers daemonsets deployments replicasets statefulsets cronjobs jobs"
    kinds = (*workloads.split(), "clusterimagepolicies", "namespaces", "configmaps")
    assert made >= {("watch", kind) for kind in kinds} | {("list", "replicasets")}
    maps = {each["objectRef"]["namespace"] for each in asked if each["objectRef"]["resource"] == "configmaps"}
    assert maps == {"cosign-system", "tocsin-waivers"}
    assert made >= {(verb, "leases") for verb in ("create", "get", "update")}


@pytest.mark.parametrize(
    ("verb", "group", "resource", "attributes"),
    [
        ("list", "", "secrets", {}),
        ("get", "", "secrets", {"namespace": "tocsin"}),
        ("get", "", "pods", {"namespace": "default"}),
        ("create", "", "pods", {"namespace": "default"}),
        ("delete", "apps", "deployments", {"namespace": "default"}),
        ("patch", "", "namespaces", {}),
        ("create", "", "pods", {"namespace": "default", "subresource": "exec"}),
        ("list", "", "configmaps", {}),
        ("list", "", "configmaps", {"namespace": "tocsin"}),
        ("create", "", "configmaps", {"namespace": "tocsin-waivers"}),
        ("create", "policy.sigstore.dev", "clusterimagepolicies", {}),
        ("update", "coordination.k8s.io", "leases", {"namespace": "tocsin", "name": "other"}),
        ("get", "coordination.k8s.io", "leases", {"namespace": "kube-system", "name": "tocsin"}),
        ("list", "rbac.authorization.k8s.io", "clusterroles", {}),
    ],
)
def test_nothing_else_is_allowed(
    cluster: Cluster, verb: str, group: str, resource: str, attributes: dict[str, str]
) -> None:
    assert allowed(cluster, "watch", "", "pods")
    assert not allowed(cluster, verb, group, resource, **attributes)


def test_doctor_finds_these_rights_enough(cluster: Cluster, tmp_path: Path, env: dict[str, str]) -> None:
    assert cluster.processes
    ran = doctor(tmp_path, {**env, **EVERYTHING})
    checks = {check["name"]: check for check in ran.report["checks"]}
    assert ran.code == 0, [check for check in checks.values() if check["status"] == "failed"]
    assert ACCOUNT in checks["cluster"]["found"]
    assert "Kubernetes v1." in checks["cluster"]["found"]
    assert "v1beta1" in checks["cluster policies"]["found"]
    assert "may list and watch cronjobs" in checks
    assert "may get and update leases" in checks
    places = [
        each["found"] for each in ran.report["checks"] if each["name"] == "may list and watch configmaps"
    ]
    assert places == ["allowed in namespace cosign-system", "allowed in namespace tocsin-waivers"]


def test_doctor_names_each_rule_that_is_missing(cluster: Cluster, tmp_path: Path) -> None:
    accounts = "/api/v1/namespaces/tocsin/serviceaccounts"
    cluster.request("POST", accounts, {"metadata": {"name": "nobody"}})
    ran = doctor(tmp_path, {**env_of(cluster, "nobody"), **EVERYTHING})
    assert ran.code == 3
    missing = [check for check in ran.report["checks"] if check["status"] == "failed"]
    assert len(missing) == 14
    assert "a Role in namespace tocsin-waivers" in "".join(check["remedy"] for check in missing)
    failed = {check["name"]: check for check in missing}
    pods, lease = failed["may list and watch pods"], failed["may get and update leases"]
    rule = '{apiGroups: [""], resources: [pods], verbs: [list, watch]}'
    assert pods["remedy"] == f"grant {rule} in a ClusterRole: kubectl apply -f deploy/rbac.yaml"
    assert "resourceNames: [tocsin], verbs: [get, update]} in a Role in namespace tocsin" in lease["remedy"]


def test_doctor_says_that_a_server_is_not_there(cluster: Cluster, tmp_path: Path) -> None:
    (tmp_path / "config").write_text(yaml.safe_dump(cluster.config("none", 9)))
    ran = doctor(tmp_path, {"KUBECONFIG": str(tmp_path / "config")})
    assert ran.code == 3
    (failed,) = [check for check in ran.report["checks"] if check["status"] == "failed"]
    assert failed["name"] == "cluster"
    assert "127.0.0.1:9" in failed["found"]


def test_our_own_deployment_passes_the_restricted_profile(tmp_path: Path) -> None:
    ran = tocsin(tmp_path, "scan", DEPLOY / "run.yaml", "-p", "catalog:restricted", "-o", "json")
    assert (ran.code, ran.report["violations"], ran.report["summary"]["resources"]) == (0, [], 1), ran.err

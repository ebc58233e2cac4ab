"""`tocsin scan` and `policies explain` with a policy that asks for image configs, and a real registry."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.e2e.command import tocsin
from tests.images import config, image, push
from tests.registry import RunningRegistry, running_registry

POLICY = {
    "apiVersion": "policy.sigstore.dev/v1beta1",
    "kind": "ClusterImagePolicy",
    "metadata": {"name": "no-root"},
    "spec": {
        "mode": "enforce",
        "images": [{"glob": "**"}],
        "authorities": [{"static": {"action": "pass"}}],
        "policy": {
            "type": "rego",
            "fetchConfigFile": True,
            "data": 'package sigstore\nisCompliant { input.config["linux/amd64"].config.User != "0" }\n',
        },
    },
}


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRegistry]:
    with running_registry(tmp_path_factory.mktemp("registry")) as running:
        push(running.host, "shop/good", "1", image())
        push(running.host, "shop/bad", "1", image(config(user="0")))
        yield running


@pytest.fixture
def folder(tmp_path: Path, registry: RunningRegistry) -> Path:
    images = [f"{registry.host}/shop/{name}:1" for name in ("good", "bad", "absent")]
    containers = [{"name": f"c{number}", "image": each} for number, each in enumerate(images)]
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web"},
        "spec": {"containers": containers},
    }
    (tmp_path / "pod.yaml").write_text(yaml.safe_dump(pod), encoding="utf-8")
    (tmp_path / "policy.yaml").write_text(yaml.safe_dump(POLICY), encoding="utf-8")
    return tmp_path


def online(registry: RunningRegistry) -> dict[str, str]:
    return {"TOCSIN_OFFLINE": "false", "TOCSIN_INSECURE_REGISTRIES": json.dumps([registry.host])}


def test_a_scan_reports_each_image_and_offline_the_same_of_the_cache(
    folder: Path, registry: RunningRegistry
) -> None:
    scan = ("scan", "pod.yaml", "-p", "policy.yaml", "-o", "json")
    ran = tocsin(folder, *scan, env=online(registry))
    assert ran.code == 1
    bad, absent = f"{registry.host}/shop/bad:1", f"{registry.host}/shop/absent:1"
    assert [item["image"] for item in ran.report["violations"]] == [bad]
    (error,) = ran.report["errors"]
    assert error["image"] == absent
    assert "404 MANIFEST_UNKNOWN" in error["message"]
    before = len(registry.asked())
    again = tocsin(folder, *scan)
    assert len(registry.asked()) == before
    assert again.report["violations"] == ran.report["violations"]
    (error,) = again.report["errors"]
    assert error["message"].endswith("not in the cache, and the network is off (setting offline)")


def test_a_violation_of_an_image_is_fixed_when_the_resource_has_another_one(
    folder: Path, registry: RunningRegistry
) -> None:
    db = ("--db", "sqlite:///audit.db")
    scan = ("scan", "pod.yaml", "-p", "policy.yaml", *db)
    assert tocsin(folder, *scan, env=online(registry)).code == 1
    pod = (folder / "pod.yaml").read_text(encoding="utf-8")
    (folder / "pod.yaml").write_text(pod.replace("/bad:1", "/good:1"), encoding="utf-8")
    assert tocsin(folder, *scan, env=online(registry)).code == 3  # of the absent one nothing is known
    (ended,) = tocsin(folder, "violations", "list", "--all", *db, "-o", "json").report
    assert (ended["image"], ended["resolution"]) == (f"{registry.host}/shop/bad:1", "fixed")
    shown = tocsin(folder, "violations", "show", ended["id"], *db)
    assert "fixed, the image complies now, or the resource has it no more" in shown.out
    period = tocsin(folder, "violations", "summary", *db, "-o", "json").report["period"]
    assert period["resolutions"] == {"fixed": 1}
    assert period["meanSecondsToFix"] is not None


def test_an_explanation_is_given_for_each_image(folder: Path, registry: RunningRegistry) -> None:
    pytest.importorskip("regorus", reason="the regorus extra is not installed")
    explain = ("policies", "explain", "policy.yaml", "pod.yaml", "-o", "json")
    ran = tocsin(folder, *explain, env=online(registry))
    assert ran.code == 3  # one of them cannot be explained
    outcomes = {item["image"]: item["outcome"] for item in ran.report["explanations"]}
    names = {name: f"{registry.host}/shop/{name}:1" for name in ("good", "bad", "absent")}
    assert outcomes == {names["good"]: "pass", names["bad"]: "fail", names["absent"]: "error"}

"""`tocsin scan` and `policies explain` with the guide's policy on signatures, cosign and a real registry."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.command import tocsin
from tests.images import config, image, push
from tests.registry import RunningRegistry, running_registry
from tests.signing import Cosign

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "policies" / "signed-and-scanned.yaml"
SCAN = "https://example.com/scan/v1"


@dataclass(frozen=True)
class Shop:
    registry: RunningRegistry
    ours: Cosign

    @property
    def environment(self) -> dict[str, str]:
        return {"TOCSIN_OFFLINE": "false", "TOCSIN_INSECURE_REGISTRIES": json.dumps([self.registry.host])}

    def image(self, name: str) -> str:
        return f"{self.registry.host}/shop/{name}:1"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    ours = Cosign(tmp_path_factory.mktemp("cosign") / "ours")
    with running_registry(tmp_path_factory.mktemp("registry")) as registry:
        for number, name in enumerate(("good", "unsigned", "unscanned", "vulnerable")):
            digest = push(registry.host, f"shop/{name}", "1", image(config(user=str(number))))
            where = f"{registry.host}/shop/{name}@{digest}"
            if name != "unsigned":
                ours.sign(where)
            if name in ("good", "vulnerable"):
                ours.attest(where, SCAN, {"critical": 0 if name == "good" else 3})
        yield Shop(registry, ours)


@pytest.fixture
def folder(tmp_path: Path, shop: Shop) -> Path:
    """The guide's policy, with our key and our registry in their places."""
    policy = GUIDE.read_text(encoding="utf-8").replace("registry.example.com", shop.registry.host)
    pem = "".join(f"          {line}\n" for line in shop.ours.public_key.strip().splitlines())
    key = re.compile(r" +-----BEGIN PUBLIC KEY-----.*?-----END PUBLIC KEY-----\n", re.DOTALL)
    (tmp_path / "policy.yaml").write_text(key.sub(pem, policy), encoding="utf-8")
    return tmp_path


def pod(folder: Path, *images: str) -> None:
    containers = [{"name": f"c{number}", "image": each} for number, each in enumerate(images)]
    body = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web"},
        "spec": {"containers": containers},
    }
    (folder / "pod.yaml").write_text(yaml.safe_dump(body), encoding="utf-8")


def test_a_scan_tells_signed_and_scanned_images_from_others(folder: Path, shop: Shop) -> None:
    good, unsigned, unscanned, vulnerable = map(shop.image, ("good", "unsigned", "unscanned", "vulnerable"))
    pod(folder, good, unsigned, unscanned, vulnerable)
    scan = ("scan", "pod.yaml", "-p", "policy.yaml", "-o", "json", "--strict")
    ran = tocsin(folder, *scan, env=shop.environment)
    assert ran.code == 1, ran.err
    assert ran.report["errors"] == []
    found = {item["image"]: item["message"] for item in ran.report["violations"]}
    assert found.keys() == {unsigned, unscanned, vulnerable}
    assert found[vulnerable] == found[unscanned] == "no scan that is free of critical vulnerabilities"
    assert found[unsigned].startswith("signed: no signature of ")
    assert "; scanned: no attestation of " in found[unsigned]
    before = len(shop.registry.asked())
    again = tocsin(folder, *scan)
    assert len(shop.registry.asked()) == before
    assert again.report["violations"] == []
    errors = {item["image"]: item["message"] for item in again.report["errors"]}
    assert errors.keys() == {unsigned, unscanned, vulnerable}, "what is not there is not known offline"


def test_nothing_is_asked_where_no_image_matches(folder: Path, shop: Shop) -> None:
    pod(folder, "ghcr.io/somebody/else:1")
    before = len(shop.registry.asked())
    ran = tocsin(folder, "scan", "pod.yaml", "-p", "policy.yaml", "-o", "json", env=shop.environment)
    assert (ran.code, ran.report["violations"]) == (0, [])
    assert len(shop.registry.asked()) == before


def test_a_registry_that_does_not_answer_is_an_error_and_no_violation(folder: Path, shop: Shop) -> None:
    pod(folder, f"{shop.registry.host}/shop/nowhere:1")
    ran = tocsin(folder, "scan", "pod.yaml", "-p", "policy.yaml", "-o", "json", env=shop.environment)
    assert (ran.code, ran.report["violations"]) == (3, [])
    (error,) = ran.report["errors"]
    assert "404" in error["message"]


def test_an_explanation_says_what_was_asked_of_registries(folder: Path, shop: Shop) -> None:
    pod(folder, shop.image("good"), shop.image("unsigned"))
    explain = ("policies", "explain", "policy.yaml", "pod.yaml")
    ran = tocsin(folder, *explain, env=shop.environment)
    assert f"asks     registries for scanned: an attestation by a key of type {SCAN}" in ran.out
    assert "isCompliant holds" in ran.out
    assert "spec.authorities refused it" in ran.out


def test_a_key_may_be_in_a_secret_beside_the_policy(folder: Path, shop: Shop) -> None:
    policy = {
        "apiVersion": "policy.sigstore.dev/v1beta1",
        "kind": "ClusterImagePolicy",
        "metadata": {"name": "by-secret"},
        "spec": {"images": [{"glob": "**"}], "authorities": [{"key": {"secretRef": {"name": "ours"}}}]},
    }
    entries = {"cosign.pub": shop.ours.public_key}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "ours"}, "stringData": entries}
    pod(folder, shop.image("good"), shop.image("unsigned"))
    (folder / "policies.yaml").write_text(yaml.safe_dump_all([policy, secret]), encoding="utf-8")
    scan = ("scan", "pod.yaml", "-p", "policies.yaml", "-o", "json")
    ran = tocsin(folder, *scan, env=shop.environment)
    assert [item["image"] for item in ran.report["violations"]] == [shop.image("unsigned")]
    assert ran.report["errors"] == []
    (folder / "policies.yaml").write_text(yaml.safe_dump(policy), encoding="utf-8")
    ran = tocsin(folder, *scan, env=shop.environment)
    assert ran.code == 3
    assert "key.secretRef: Secret cosign-system/ours: not found" in ran.out


def test_doctor_asks_the_registries_that_the_policies_name(folder: Path, shop: Shop) -> None:
    gone = "127.0.0.1:1"
    policy = yaml.safe_load((folder / "policy.yaml").read_text(encoding="utf-8"))
    elsewhere = {**policy, "metadata": {"name": "elsewhere"}}
    elsewhere["spec"] = {**policy["spec"], "images": [{"glob": f"{gone}/**"}, {"glob": "**/x"}]}
    (folder / "policies.yaml").write_text(yaml.safe_dump_all([policy, elsewhere]), encoding="utf-8")
    hosts = json.dumps([shop.registry.host, gone])
    environment = {**shop.environment, "TOCSIN_INSECURE_REGISTRIES": hosts}
    ran = tocsin(folder, "doctor", "-p", "policies.yaml", "-o", "json", env=environment)
    checks = {check["name"]: check for check in ran.report["checks"]}
    assert ran.code == 3
    assert checks[f"registry {shop.registry.host}"]["found"] == "answers 200"
    assert "no connection" in checks[f"registry {gone}"]["found"]
    offline = tocsin(folder, "doctor", "-p", "policy.yaml", "-o", "json")
    (check,) = [each for each in offline.report["checks"] if each["name"] == "registries"]
    assert (offline.code, check["status"]) == (0, "skipped")


def test_policies_show_says_what_is_asked_of_registries(folder: Path, shop: Shop) -> None:
    pod(folder, shop.image("good"))
    database = ("--db", "sqlite:///t.db")
    tocsin(folder, "scan", "pod.yaml", "-p", "policy.yaml", *database, env=shop.environment)
    ran = tocsin(folder, "policies", "show", "signed-and-scanned", *database)
    assert "registries for signed: a signature by a key" in ran.out
    assert f"registries for scanned: an attestation by a key of type {SCAN}" in ran.out
    asked = ["signed: a signature by a key", f"scanned: an attestation by a key of type {SCAN}"]
    for command in (("list",), ("show", "signed-and-scanned")):
        report: Any = tocsin(folder, "policies", *command, "-o", "json", *database).report
        assert (report[0] if command == ("list",) else report)["asks"] == asked

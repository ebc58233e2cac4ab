"""`tocsin scan` with keyless policies: a real registry, and a Sigstore made for the tests."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.command import pod, tocsin, write
from tests.images import image, push
from tests.registry import RunningRegistry, running_registry
from tests.sigstore.authorities import ISSUER
from tests.sigstore.carrying import push_tagged
from tests.sigstore.instance import MiniSigstore, payload_of

TEXT = """package sigstore
isCompliant { input.authorityMatches.ours.signatures[_].githubWorkflowRepo == "org/app" }
"""


@pytest.fixture(scope="module")
def sigstore(tmp_path_factory: pytest.TempPathFactory) -> MiniSigstore:
    return MiniSigstore(tmp_path_factory.mktemp("sigstore"))


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory, sigstore: MiniSigstore) -> Iterator[RunningRegistry]:
    with running_registry(tmp_path_factory.mktemp("registry")) as running:
        for name, subject, repository in (
            ("good", "ci@example.com", "org/app"),
            ("fork", "ci@example.com", "evil/app"),
            ("boss", "boss@example.com", "org/app"),
        ):
            digest = push(running.host, f"shop/{name}", "1", image())
            payload = payload_of(digest)
            annotations = sigstore.annotations(sigstore.signer(subject, github={5: repository}), payload)
            push_tagged(running.host, f"shop/{name}", digest, (payload, annotations))
        push(running.host, "shop/unsigned", "1", image())
        yield running


def policy(**keyless: Any) -> dict[str, Any]:
    authority: dict[str, Any] = {
        "name": "ours",
        "keyless": {"identities": [{"issuer": ISSUER, "subjectRegExp": "^ci@"}], **keyless},
    }
    if "trustRootRef" in keyless:
        authority["ctlog"] = {"trustRootRef": keyless["trustRootRef"]}
    return {
        "apiVersion": "policy.sigstore.dev/v1beta1",
        "kind": "ClusterImagePolicy",
        "metadata": {"name": "by-ci"},
        "spec": {
            "mode": "enforce",
            "images": [{"glob": "**"}],
            "authorities": [authority],
            "policy": {"type": "rego", "data": TEXT},
        },
    }


def scan(folder: Path, registry: RunningRegistry, **env: str) -> tuple[int, dict[str, str], dict[str, str]]:
    """Exit code, and what is said of each image: of violations, of errors."""
    names = ("good", "fork", "boss", "unsigned")
    write(folder / "pods.yaml", *(pod(name, image=f"{registry.host}/shop/{name}:1") for name in names))
    online = {"TOCSIN_OFFLINE": "false", "TOCSIN_INSECURE_REGISTRIES": json.dumps([registry.host])}
    ran = tocsin(folder, "scan", "pods.yaml", "-p", "policies", "-o", "json", env=online | env)
    said = [
        {
            item["image"].removeprefix(f"{registry.host}/shop/").removesuffix(":1"): item["message"]
            for item in part
        }
        for part in (ran.report["violations"], ran.report["errors"])
    ]
    return ran.code, said[0], said[1]


def test_a_scan_says_who_signed_what_and_a_policy_may_ask(
    tmp_path: Path, registry: RunningRegistry, sigstore: MiniSigstore
) -> None:
    write(tmp_path / "policies/policy.yaml", policy(trustRootRef="mini"))
    write(tmp_path / "policies/trust.yaml", sigstore.trust_root("mini"), sigstore.trust_root("other"))
    code, violations, errors = scan(tmp_path, registry)
    assert code == 1
    assert not errors
    assert violations.keys() == {"fork", "boss", "unsigned"}
    assert violations["fork"] == "policy is not compliant"
    assert f"it is by boss@example.com (issuer {ISSUER})" in violations["boss"]
    assert "no signature of " in violations["unsigned"]


def test_without_its_trust_root_nothing_is_known_and_the_message_says_where_it_was_looked_for(
    tmp_path: Path, registry: RunningRegistry
) -> None:
    write(tmp_path / "policies/policy.yaml", policy(trustRootRef="mini"))
    code, violations, errors = scan(tmp_path, registry)
    assert code == 3
    assert not violations
    assert errors.keys() == {"good", "fork", "boss", "unsigned"}
    assert "TrustRoot mini: not found: " in errors["good"]
    assert "cosign-system/config-sigstore-keys" in errors["good"]


def test_without_a_trust_root_at_all_the_setting_says_whom_to_trust(
    tmp_path: Path, registry: RunningRegistry, sigstore: MiniSigstore
) -> None:
    write(tmp_path / "policies/policy.yaml", policy())
    code, violations, errors = scan(tmp_path, registry)
    assert (code, violations) == (3, {})
    assert "TOCSIN_TRUSTED_ROOT" in errors["good"]
    (tmp_path / "root.json").write_text(json.dumps(sigstore.trusted_root()), encoding="utf-8")
    code, violations, errors = scan(tmp_path, registry, TOCSIN_TRUSTED_ROOT="root.json")
    assert code == 1
    assert not errors
    assert violations.keys() == {"fork", "boss", "unsigned"}

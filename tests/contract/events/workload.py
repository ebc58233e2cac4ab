"""A folder of manifests and policies whose audit makes every type of event, and what changes in it. No test.

`Told` are signs that can be waited for: type of event and subject.
"""

from pathlib import Path
from shutil import copytree
from typing import Any

from pipeline.events import EventType
from tests.e2e.command import NOT_PRIVILEGED, pod, policy, write

ROOT = Path(__file__).parents[3]

Told = tuple[EventType, str]

_WARNS = """
isCompliant[{"result": true, "warning": w}] { w := sprintf("%d containers", [count(input.spec.containers)]) }
"""
_NEVER_BOOLEAN = 'isCompliant = "yes"'
_DOES_NOT_PARSE = "isCompliant {"

FIRST: frozenset[Told] = frozenset(
    {
        (EventType.RESOURCE_APPLIED, "default/Pod/good"),
        (EventType.POLICY_APPLIED, "ClusterImagePolicy/no-privileged"),
        (EventType.WAIVER_APPLIED, "Waiver/legacy"),
        (EventType.POLICY_CHECKED, "ClusterImagePolicy/does-not-parse"),
        (EventType.POLICY_CHECKED, "ClusterImagePolicy/elsewhere"),
        (EventType.SOURCE_FAILED, "deploy/broken.yaml"),
        (EventType.VERDICT_PASSED, "default/Pod/good"),
        (EventType.VERDICT_FAILED, "default/Pod/bad"),
        (EventType.VERDICT_FAILED, "store/Deployment/checkout"),
        (EventType.VERDICT_WARNED, "default/Pod/good"),
        (EventType.VERDICT_ERRORED, "default/Pod/registry"),
    }
)
"""Told of the folder as `lay_out` leaves it."""

THEN: frozenset[Told] = frozenset(
    {
        (EventType.VERDICT_WITHDRAWN, "default/Pod/gone"),
        (EventType.VERDICT_PASSED, "default/Pod/bad"),
        (EventType.VERDICT_FAILED, "default/Pod/good"),
        (EventType.VERDICT_WITHDRAWN, "default/Pod/good"),
    }
)
"""Told, among others, after `change`."""


def lay_out(folder: Path) -> None:
    """Write `deploy`, `policies` and `waivers`: the example shop, and what it lacks."""
    copytree(ROOT / "examples" / "shop", folder / "deploy" / "shop")
    copytree(ROOT / "examples" / "policies", folder / "policies" / "shop")
    deploy, policies = folder / "deploy", folder / "policies"
    write(deploy / "good.yaml", pod("good"))
    write(deploy / "bad.yaml", pod("bad", privileged=True))
    write(deploy / "gone.yaml", pod("gone", privileged=True))
    write(deploy / "legacy.yaml", pod("legacy", privileged=True))
    write(deploy / "registry.yaml", pod("registry", image="registry.example.com/web:1"))
    (deploy / "broken.yaml").write_text("kind: Pod\nmetadata: {name: [\n", encoding="utf-8")
    (deploy / "ümläut und Leerzeichen.yaml").write_text("kind: Pod\nmetadata: {name: {\n", encoding="utf-8")
    write(policies / "no-privileged.yaml", policy("no-privileged", NOT_PRIVILEGED, mode="enforce"))
    write(policies / "warns.yaml", policy("warns", _WARNS, match=_PODS))
    write(policies / "never-boolean.yaml", policy("never-boolean", _NEVER_BOOLEAN, match=_PODS))
    write(policies / "does-not-parse.yaml", policy("does-not-parse", _DOES_NOT_PARSE))
    config = {
        "type": "rego",
        "fetchConfigFile": True,
        "data": "package sigstore\nisCompliant { input.config }",
    }
    images = [{"glob": "registry.example.com/**"}]
    write(policies / "config.yaml", policy("config", "", policy=config, images=images))
    elsewhere = {"type": "rego", "configMapRef": {"name": "texts", "namespace": "rego", "key": "a.rego"}}
    write(policies / "elsewhere.yaml", policy("elsewhere", "", policy=elsewhere))

    write(folder / "waivers" / "legacy.yaml", _waiver("legacy", "legacy"))


def _waiver(name: str, pod: str) -> dict[str, Any]:
    """Of a Pod that is privileged; it ends long after every test."""
    return {
        "apiVersion": "tocsin.dev/v1alpha1",
        "kind": "Waiver",
        "metadata": {"name": name},
        "spec": {
            "policies": ["no-privileged"],
            "match": {"kinds": ["Pod"], "names": [pod]},
            "owner": "team-shop",
            "reason": "Migrated by March",
            "ticket": "SHOP-12",
            "expires": "2099-03-31",
        },
    }


def change(folder: Path) -> None:
    """Fix, break, delete and repair."""
    deploy, policies = folder / "deploy", folder / "policies"
    write(deploy / "bad.yaml", pod("bad"))
    write(deploy / "good.yaml", pod("good", privileged=True))
    (deploy / "gone.yaml").unlink()
    (policies / "warns.yaml").unlink()
    write(deploy / "broken.yaml", pod("mended"))


_PODS = [{"group": "", "version": "v1", "resource": "pods"}]

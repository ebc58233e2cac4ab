"""The policies of the guides say what they must of Pods, Deployments and CronJobs, on regorus.

regopy refuses most of them: no engine may guess.

Not covered: the tutorial they correct (`test_tutorial`), the catalog (tests/contract).
"""

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent, indent
from typing import Any

import pytest

from tests.e2e.command import tocsin, write

GUIDES = Path(__file__).resolve().parents[2] / "docs" / "guides"
POLICIES = GUIDES / "policies"
LABELS = {"env": "production", "approved-by": "compliance-team"}
SOUND = {"image": "registry.example.com/web:1", "securityContext": {"allowPrivilegeEscalation": False}}

Wrap = Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]]


def _pod(metadata: dict[str, Any], spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def _deployment(metadata: dict[str, Any], spec: dict[str, Any]) -> dict[str, Any]:
    template = {"metadata": {"labels": {"app": "web"}}, "spec": spec}
    outer = {"selector": {"matchLabels": {"app": "web"}}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": outer}


def _cron_job(metadata: dict[str, Any], spec: dict[str, Any]) -> dict[str, Any]:
    outer = {"schedule": "0 3 * * *", "jobTemplate": {"spec": {"template": {"spec": spec}}}}
    return {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": metadata, "spec": outer}


KINDS: dict[str, Wrap] = {"pod": _pod, "deployment": _deployment, "cronjob": _cron_job}


def containers(*changes: dict[str, Any], **spec: Any) -> dict[str, Any]:
    """A pod spec: a sound container, and one for each change."""
    names = [{"name": f"c{number}", **SOUND, **change} for number, change in enumerate(({}, *changes))]
    return {"containers": names, **spec}


def escalation(**security: Any) -> dict[str, Any]:
    return {"securityContext": security}


HUB = "image %s is on Docker Hub; use a registry of our own"
FROM_HUB = ["nginx", "nginx:1.27", "grafana/grafana", "docker.io/grafana/grafana:9", "index.docker.io/x/y"]
ELSEWHERE = ["registry.example.com/docker.io/nginx", "localhost/web", "registry:5000/web", "ghcr.io/a/b:1"]

PASSING: dict[str, list[dict[str, Any]]] = {
    "host-namespaces": [
        containers(),
        containers(hostNetwork=False, hostPID=False, hostIPC=False),
        containers(hostPID=None),
    ],
    "docker-hub": [containers(*({"image": image} for image in ELSEWHERE))],
    "privilege-escalation": [
        containers(),
        containers(escalation(allowPrivilegeEscalation=False, privileged=False)),
    ],
}
FAILING: dict[str, list[tuple[dict[str, Any], str]]] = {
    "host-namespaces": [
        (containers(hostNetwork=True), "hostNetwork is true; remove it or set it to false"),
        (containers(hostPID=True), "hostPID is true; remove it or set it to false"),
        (containers(hostIPC=True), "hostIPC is true; remove it or set it to false"),
    ],
    "docker-hub": [
        *((containers({"image": image}), HUB % image) for image in FROM_HUB),
        (containers(initContainers=[{"name": "i", "image": "busybox"}]), HUB % "busybox"),
        (containers(volumes=[{"name": "v", "image": {"reference": "x/models"}}]), HUB % "x/models"),
    ],
    "privilege-escalation": [
        (
            containers({"securityContext": None}),
            "container c1: set securityContext.allowPrivilegeEscalation to false",
        ),
        (
            containers(escalation(allowPrivilegeEscalation=True)),
            "container c1: set securityContext.allowPrivilegeEscalation to false",
        ),
        (
            containers(escalation(allowPrivilegeEscalation=False, privileged=True)),
            "container c1: securityContext.privileged is true; remove it or set it to false",
        ),
        (
            containers(initContainers=[{"name": "i"}]),
            "container i: set securityContext.allowPrivilegeEscalation to false",
        ),
    ],
    "template": [(containers(), "container c0: this policy checks nothing yet")],
}


@pytest.fixture(params=["regorus"])
def engine(request: pytest.FixtureRequest) -> str:
    if request.param == "regorus":
        pytest.importorskip("regorus", reason="the regorus extra is not installed")
    return str(request.param)


def messages(folder: Path, engine: str, policy: str, bodies: list[dict[str, Any]]) -> dict[str, str]:
    """What one scan says of these objects: name -> message, empty for a pass."""
    write(folder / "objects.yaml", *bodies)
    path = POLICIES / f"{policy}.yaml"
    ran = tocsin(folder, "scan", "objects.yaml", "-p", path, "-o", "json", "--engine", engine)
    assert ran.code == 0, ran.err
    said = {item["resource"]["name"]: item["message"] for item in ran.report["violations"]}
    return {body["metadata"]["name"]: said.get(body["metadata"]["name"], "") for body in bodies}


@pytest.mark.parametrize("policy", sorted(FAILING))
def test_a_policy_says_the_same_of_a_pod_a_deployment_and_a_cron_job(
    tmp_path: Path, engine: str, policy: str
) -> None:
    specs = [*((spec, "") for spec in PASSING.get(policy, [])), *FAILING[policy]]
    cases = {
        f"{kind}-{number}": (wrap({"name": f"{kind}-{number}"}, spec), message)
        for kind, wrap in KINDS.items()
        for number, (spec, message) in enumerate(specs)
    }
    got = messages(tmp_path, engine, policy, [body for body, _ in cases.values()])
    assert got == {name: message for name, (_, message) in cases.items()}


def test_labels_are_those_of_the_object_itself(tmp_path: Path, engine: str) -> None:
    env = "label env is not production; set it in metadata.labels"
    approved = "label approved-by is not compliance-team; set it in metadata.labels"
    labels: dict[str, tuple[Any, str]] = {
        "both": (LABELS, ""),
        "more": ({**LABELS, "app": "web"}, ""),
        "other": ({**LABELS, "env": "staging"}, env),
        "one": ({"env": "production"}, approved),
        "none": ({}, f"{approved}; {env}"),
        "null": (None, f"{approved}; {env}"),
    }
    bodies = [
        wrap({"name": f"{kind}-{name}", "labels": given}, containers())
        for kind, wrap in KINDS.items()
        for name, (given, _) in labels.items()
    ]
    assert messages(tmp_path, engine, "required-labels", bodies) == {
        f"{kind}-{name}": message for kind in KINDS for name, (_, message) in labels.items()
    }


def test_a_glob_alone_finds_docker_hub_too(tmp_path: Path) -> None:
    images = [*FROM_HUB, *ELSEWHERE]
    bodies = [
        wrap({"name": f"{kind}-{number}"}, containers({"image": image}))
        for kind, wrap in KINDS.items()
        for number, image in enumerate(images)
    ]
    got = messages(tmp_path, "auto", "docker-hub-by-glob", bodies)
    said = "disallowed by static policy: the image is on Docker Hub; use a registry of our own"
    assert got == {
        f"{kind}-{number}": said if image in FROM_HUB else ""
        for kind in KINDS
        for number, image in enumerate(images)
    }


def test_what_the_guide_shows_is_in_the_policies_and_each_is_named() -> None:
    guide = (GUIDES / "tutorial.md").read_text(encoding="utf-8")
    named = guide + (GUIDES / "signatures.md").read_text(encoding="utf-8")
    policies = {path.name: path.read_text(encoding="utf-8") for path in POLICIES.glob("*.yaml")}
    assert [name for name in policies if f"policies/{name}" not in named] == []
    shown = [dedent(part.split("```")[0]) for part in guide.split("```rego ours\n")[1:]]
    assert shown
    for text in shown:
        block = indent(text, "      ").rstrip()
        assert any(block in policy for policy in policies.values()), text

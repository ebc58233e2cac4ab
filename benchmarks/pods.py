"""A seeded generator of realistic Pods: 300 templates, the rest replicas; 60 to 120 leaves each.

As the API server gives them: no two have the same spec, since each has the node that
it was scheduled to and the name of its token volume.

`python -m benchmarks.pods COUNT FILE` writes them as multi-document YAML.
"""

import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

TEMPLATES = 300
_REGISTRIES = ("docker.io", "ghcr.io/acme", "registry.example.com/shop", "quay.io/acme", "gcr.io/acme-prod")
_APPS = ("web", "api", "worker", "cache", "queue", "auth", "search", "mail", "billing", "gateway")
_TEAMS = ("checkout", "catalogue", "identity", "platform", "data")


def _leaves(value: Any) -> int:
    if isinstance(value, dict):
        return sum(map(_leaves, value.values()))
    if isinstance(value, list):
        return sum(map(_leaves, value))
    return 1


def _container(rng: random.Random, name: str) -> dict[str, Any]:
    registry, version = (
        rng.choice(_REGISTRIES),
        f"{rng.randint(1, 4)}.{rng.randint(0, 20)}.{rng.randint(0, 9)}",
    )
    security: dict[str, Any] = {
        "runAsNonRoot": True,
        "allowPrivilegeEscalation": rng.random() < 0.1,
        "readOnlyRootFilesystem": rng.random() < 0.7,
        "capabilities": {"drop": ["ALL"]},
    }
    if rng.random() < 0.04:
        security["privileged"] = True
    if rng.random() < 0.04:
        security["capabilities"] = {"add": ["SYS_ADMIN"]}
    environment = [
        {"name": f"{name.upper()}_{key}", "value": f"{rng.randint(1, 9999)}"}
        for key in rng.sample(("HOST", "PORT", "LEVEL", "ZONE", "TOKEN_URL", "TIMEOUT", "POOL", "RETRIES"), 6)
    ]
    return {
        "name": name,
        "image": f"{registry}/{name}:{version}",
        "imagePullPolicy": "IfNotPresent",
        "args": ["--listen", f"0.0.0.0:{rng.randint(1024, 9999)}", f"--workers={rng.randint(1, 8)}"],
        "env": environment,
        "ports": [{"containerPort": rng.randint(1024, 9999), "name": "http", "protocol": "TCP"}],
        "resources": {
            "limits": {"cpu": f"{rng.randint(1, 8) * 250}m", "memory": f"{rng.randint(1, 8) * 128}Mi"},
            "requests": {"cpu": "100m", "memory": "128Mi"},
        },
        "livenessProbe": {"httpGet": {"path": "/healthz", "port": "http"}, "periodSeconds": 10},
        "readinessProbe": {"httpGet": {"path": "/ready", "port": "http"}, "initialDelaySeconds": 3},
        "securityContext": security,
        "volumeMounts": [{"name": "config", "mountPath": "/etc/app", "readOnly": True}],
    }


def template(rng: random.Random) -> dict[str, Any]:
    """One Pod of 60 to 120 leaves."""
    while True:
        app, team = rng.choice(_APPS), rng.choice(_TEAMS)
        sidecars = [_container(rng, "proxy") for _ in range(rng.randint(0, 2))]
        spec: dict[str, Any] = {
            "serviceAccountName": f"{app}-sa",
            "securityContext": {"runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [_container(rng, app), *sidecars],
            "volumes": [{"name": "config", "configMap": {"name": f"{app}-config"}}],
            "terminationGracePeriodSeconds": 30,
            "nodeSelector": {"kubernetes.io/os": "linux"},
        }
        if rng.random() < 0.03:
            spec["hostNetwork"] = True
        if rng.random() < 0.03:
            spec["volumes"].append({"name": "host", "hostPath": {"path": "/var/log"}})
        labels = {"app.kubernetes.io/name": app, "app.kubernetes.io/part-of": "shop", "team": team}
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": app,
                "namespace": f"{team}-{rng.choice(('dev', 'prod'))}",
                "labels": labels,
                "annotations": {"prometheus.io/scrape": "true", "prometheus.io/port": "9090"},
            },
            "spec": spec,
        }
        if 60 <= _leaves(running(pod, app, app, app)) <= 120:
            return pod


def pods(count: int, seed: int = 1) -> Iterator[dict[str, Any]]:
    """`count` Pods: replicas of the templates, each as it runs."""
    rng = random.Random(seed)
    templates = [template(rng) for _ in range(min(count, TEMPLATES))]
    for number in range(count):
        pod = templates[number % len(templates)]
        yield running(pod, *_names(pod["metadata"]["name"], number))


def running(pod: dict[str, Any], name: str, node: str, token: str) -> dict[str, Any]:
    """A Pod of a template, as the API server completes it."""
    spec = pod["spec"]
    mount = {"name": token, "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "readOnly": True}
    containers = [{**one, "volumeMounts": [*one["volumeMounts"], {**mount}]} for one in spec["containers"]]
    sources = [{"serviceAccountToken": {"path": "token"}}]
    volumes = [*spec["volumes"], {"name": token, "projected": {"sources": sources}}]
    return {
        **pod,
        "metadata": {**pod["metadata"], "name": name},
        "spec": {**spec, "nodeName": node, "containers": containers, "volumes": volumes},
    }


def write(path: Path, count: int, seed: int = 1) -> None:
    """Write `count` Pods as multi-document YAML, each template formatted once."""
    rng = random.Random(seed)
    templates = [template(rng) for _ in range(min(count, TEMPLATES))]
    texts = [
        yaml.safe_dump(running(pod, "@NAME@", "@NODE@", "@TOKEN@"), sort_keys=False) for pod in templates
    ]
    with path.open("w", encoding="utf-8") as file:
        for number in range(count):
            slot = number % len(templates)
            name, node, token = _names(templates[slot]["metadata"]["name"], number)
            text = texts[slot].replace("'@NAME@'", name).replace("'@NODE@'", node).replace("'@TOKEN@'", token)
            file.write("---\n" + text)


def _names(app: str, number: int) -> tuple[str, str, str]:
    """Name, node and token volume of a Pod."""
    return f"{app}-{number:05d}", f"node-{number % 97}", f"kube-api-access-{number * 7919 % 99_991:05x}"


if __name__ == "__main__":
    write(Path(sys.argv[2]), int(sys.argv[1]))

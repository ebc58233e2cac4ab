"""What people and controllers do to a cluster, by a seed: objects are made, changed, and deleted.

The cluster is the only truth: the model here knows paths, so that owners outlive what they own.
"""

import random
from dataclasses import dataclass, field
from typing import Any

from tests.kube.cluster import Cluster

NAMESPACES = ("east", "west", "north")
POLICIES = "/apis/policy.sigstore.dev/v1beta1/clusterimagepolicies"
_MERGE = "application/merge-patch+json"
_API = {
    "Pod": "v1",
    "ReplicationController": "v1",
    "Deployment": "apps/v1",
    "ReplicaSet": "apps/v1",
    "StatefulSet": "apps/v1",
    "DaemonSet": "apps/v1",
    "Job": "batch/v1",
    "CronJob": "batch/v1",
}
_OWNED_BY = {"Pod": ("ReplicaSet", "Job", "StatefulSet"), "ReplicaSet": ("Deployment",), "Job": ("CronJob",)}


@dataclass(eq=False)
class Made:
    """Something there; `owner` outlives it."""

    kind: str
    namespace: str
    name: str
    uid: str
    owner: "Made | None" = None

    @property
    def path(self) -> str:
        return f"{collection(self.kind, self.namespace)}/{self.name}"


def collection(kind: str, namespace: str = "") -> str:
    """Path of all of a kind, of a namespace or everywhere."""
    if kind == "ClusterImagePolicy":
        return POLICIES
    version = _API[kind]
    base = f"/apis/{version}" if "/" in version else f"/api/{version}"
    return f"{base}/namespaces/{namespace}/{kind.lower()}s" if namespace else f"{base}/{kind.lower()}s"


@dataclass
class Work:
    """One seeded history."""

    cluster: Cluster
    random: random.Random
    made: list[Made] = field(default_factory=list)
    done: int = 0

    def begin(self) -> None:
        for name in NAMESPACES:
            self.cluster.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})

    def step(self) -> None:
        """One thing happens."""
        self.done += 1
        names = ("create", "update", "status", "delete", "again")
        weights = (6 if len(self.made) < 150 else 2, 4, 4, 3, 1)
        getattr(self, f"_{self.random.choices(names, weights)[0]}")()

    def _create(self) -> None:
        kind = self.random.choice([*_API, "Pod", "Pod", "ReplicaSet", "ClusterImagePolicy"])
        namespace = "" if kind == "ClusterImagePolicy" else self.random.choice(NAMESPACES)
        owners = [
            each for each in self.made if each.kind in _OWNED_BY.get(kind, ()) and each.namespace == namespace
        ]
        owner = self.random.choice(owners) if owners and self.random.random() < 0.8 else None
        self.make(kind, namespace, f"{kind.lower()}-{self.done}", owner)

    def make(self, kind: str, namespace: str, name: str, owner: Made | None = None) -> Made:
        body = {
            "apiVersion": _API.get(kind, "policy.sigstore.dev/v1beta1"),
            "kind": kind,
            "metadata": {"name": name, **_owned(owner)},
            "spec": _spec(kind, self.random),
        }
        metadata = self.cluster.request("POST", collection(kind, namespace), body)["metadata"]
        made = Made(kind, namespace, name, metadata["uid"], owner)
        self.made.append(made)
        return made

    def _update(self) -> None:
        if chosen := self._any():
            patch: dict[str, Any] = {"metadata": {"labels": {"round": str(self.done)}}}
            if chosen.kind == "ReplicaSet":
                patch["spec"] = {"replicas": self.random.randint(0, 1)}
            if chosen.kind == "ClusterImagePolicy":
                patch = {"spec": {"mode": self.random.choice(["warn", "enforce"])}}
            self.cluster.request("PATCH", chosen.path, patch, _MERGE)

    def _status(self) -> None:
        pods = [each for each in self.made if each.kind == "Pod"]
        if pods:
            digest = f"{self.random.randint(0, 2):064x}"
            image = f"docker.io/library/nginx@sha256:{digest}"
            running = {"name": "web", "image": "nginx", "imageID": image, "ready": True, "restartCount": 0}
            status: dict[str, Any] = {"message": f"step {self.done}"}
            if self.random.random() < 0.3:
                status["containerStatuses"] = [running]
            path = f"{self.random.choice(pods).path}/status"
            self.cluster.request("PATCH", path, {"status": status}, _MERGE)

    def _delete(self) -> None:
        if chosen := self._any():
            self.remove(chosen)

    def _again(self) -> None:
        """The same name at once, as another object."""
        if chosen := self._any():
            self.remove(chosen)
            self.make(chosen.kind, chosen.namespace, chosen.name, chosen.owner)

    def remove(self, chosen: Made) -> None:
        for each in [each for each in self.made if each.owner is chosen]:
            self.remove(each)
        options = {"gracePeriodSeconds": 0, "propagationPolicy": "Background"}
        self.cluster.request("DELETE", chosen.path, options)
        self.made.remove(chosen)

    def _any(self) -> Made | None:
        return self.random.choice(self.made) if self.made else None


def _owned(owner: Made | None) -> dict[str, Any]:
    if owner is None:
        return {}
    reference = {"apiVersion": _API[owner.kind], "kind": owner.kind, "name": owner.name, "uid": owner.uid}
    return {"ownerReferences": [{**reference, "controller": True}]}


def _spec(kind: str, chance: random.Random) -> dict[str, Any]:
    if kind == "ClusterImagePolicy":
        action = {"action": chance.choice(["pass", "fail"])}
        return {"mode": "warn", "images": [{"glob": "**"}], "authorities": [{"static": action}]}
    env = [{"name": "PASSWORD", "value": "hunter2"}]
    pod: dict[str, Any] = {
        "containers": [{"name": "web", "image": f"nginx:1.{chance.randint(0, 9)}", "env": env}]
    }
    if kind == "Pod":
        return pod
    labels = {"app": "x"}
    if kind in {"Job", "CronJob"}:
        job = {"template": {"spec": {**pod, "restartPolicy": "Never"}}}
        return job if kind == "Job" else {"schedule": "0 * * * *", "jobTemplate": {"spec": job}}
    template = {"metadata": {"labels": labels}, "spec": pod}
    selector: Any = labels if kind == "ReplicationController" else {"matchLabels": labels}
    spec: dict[str, Any] = {"selector": selector, "template": template}
    if kind == "ReplicaSet":
        spec["replicas"] = chance.randint(0, 1)
    if kind == "StatefulSet":
        spec["serviceName"] = "x"
    return spec

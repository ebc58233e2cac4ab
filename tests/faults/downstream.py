"""What the database must say of a cluster in the end, and what is wrong where it does not."""

import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.faults.cluster_work import collection
from tests.kube.cluster import Cluster
from watcher.cluster.kinds import WORKLOADS
from watcher.cluster.trimming import running_images, trim
from watcher.objects import seen_digest

Rows = dict[str, tuple[str, ...]]
DENYING = "deny"
"""A policy that is there all the time, and that nothing passes: one open violation for each resource."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What the cluster says. `resources`: by uid; `policies`: name -> mode."""

    resources: Rows
    policies: Rows

    @classmethod
    def of(cls, cluster: Cluster) -> "Expected":
        bodies: dict[str, Any] = {}
        for kind in WORKLOADS:
            for item in cluster.request("GET", kind.path())["items"]:
                bodies[item["metadata"]["uid"]] = {"apiVersion": kind.api_version, "kind": kind.kind, **item}
        resources = {uid: _row(body, bodies) for uid, body in bodies.items() if not _is_left_out(body)}
        items = cluster.request("GET", collection("ClusterImagePolicy"))["items"]
        return cls(resources, {item["metadata"]["name"]: (item["spec"]["mode"],) for item in items})


@dataclass(frozen=True, slots=True)
class Downstream:
    """The database of a run."""

    database: Path

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=30)) as connection:
            return connection.execute(query).fetchall()

    def problems(self, expected: Expected) -> list[str]:
        """Where it does not say what the cluster says: lost, stale, or not withdrawn."""
        try:
            return self._problems(expected)
        except sqlite3.OperationalError as error:  # not there yet, or has no schema yet
            return [f"unreadable: {error}"]

    def _problems(self, expected: Expected) -> list[str]:
        query = "SELECT uid, kind, namespace, name, digest, owner_kind, owner_name FROM resources"
        told = {row[0]: row[1:] for row in self.rows(f"{query} WHERE deleted_at IS NULL")}
        modes = "SELECT name, mode FROM policies WHERE deleted_at IS NULL"
        policies = {row[0]: row[1:] for row in self.rows(modes)}
        failing = "SELECT DISTINCT resource_key, policy FROM violations WHERE resolved_at IS NULL"
        open_ones = [(key.rpartition("/")[2], policy) for key, policy in self.rows(failing)]
        denied: Rows = {uid: () for uid, policy in open_ones if policy == DENYING}
        return [
            *_compared("resource", told, expected.resources),
            *_compared("policy", policies, expected.policies),
            *_compared("violation", denied, dict.fromkeys(expected.resources, ())),
            *_left("an open violation", open_ones, expected),
            *_left("a verdict", self._verdicts(), expected),
        ]

    def doubled(self) -> list[str]:
        """Spans of the policy that never changes; only a ReplicaSet may leave and come back."""
        query = "SELECT resource_key, count(*) FROM violations WHERE policy = 'deny' AND kind <> 'ReplicaSet'"
        rows = self.rows(f"{query} GROUP BY verdict_key HAVING count(*) > 1")
        return [f"doubled: {key} has {count} violations of one policy" for key, count in rows]

    def counts(self) -> Counter[str]:
        """What there was to get wrong."""
        of = {
            "violations": "SELECT count(*) FROM violations",
            "resources withdrawn": "SELECT count(*) FROM resources WHERE deleted_at IS NOT NULL",
            "violations closed": "SELECT count(*) FROM violations WHERE resolved_at IS NOT NULL",
            "policies withdrawn": "SELECT count(*) FROM policies WHERE deleted_at IS NOT NULL",
        }
        return Counter({name: int(self.rows(query)[0][0]) for name, query in of.items()})

    def _verdicts(self) -> list[tuple[str, str]]:
        rows = self.rows("SELECT resource_key, policy FROM verdicts WHERE outcome <> 'withdrawn'")
        return [(key.rpartition("/")[2], policy) for key, policy in rows]


def _row(body: Any, bodies: dict[str, Any]) -> tuple[str, ...]:
    metadata, trimmed = body["metadata"], trim(body, redact=True)
    owner = top = _controller(body)
    while owner is not None:
        top = owner
        owner = _controller(bodies[owner["uid"]]) if owner["uid"] in bodies else None
    digest = seen_digest(trimmed, running_images(trimmed))
    named = (top["kind"], top["name"]) if top else ("", "")
    return (body["kind"], metadata["namespace"], metadata["name"], digest, *named)


def _controller(body: Any) -> Any:
    owners = body["metadata"].get("ownerReferences", [])
    return next((owner for owner in owners if owner.get("controller")), None)


def _is_left_out(body: Any) -> bool:
    old = body["kind"] == "ReplicaSet" and body["spec"]["replicas"] == 0 and _controller(body) is not None
    return old or "deletionTimestamp" in body["metadata"]


def _compared(what: str, told: Rows, expected: Rows) -> list[str]:
    return [
        *(f"lost: {what} {key} {expected[key]}" for key in expected.keys() - told.keys()),
        *(f"not withdrawn: {what} {key} {told[key]}" for key in told.keys() - expected.keys()),
        *(
            f"stale: {what} {key}: expected {expected[key]}, got {told[key]}"
            for key in expected.keys() & told.keys()
            if expected[key] != told[key]
        ),
    ]


def _left(what: str, of: list[tuple[str, str]], expected: Expected) -> list[str]:
    return [
        f"left: {what} of {uid} by {policy}"
        for uid, policy in of
        if uid not in expected.resources or policy not in expected.policies
    ]

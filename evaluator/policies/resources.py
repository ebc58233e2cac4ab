"""A workload as policies see it: what it is, its labels, and its images.

Source: policy-controller, `pkg/webhook/validator.go` (where the pod spec is, which
lists hold images) and `pkg/apis/config/image_policies.go` (the resource's name is
guessed from its kind).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from evaluator.policies.describe import describe
from evaluator.policies.images import images_of
from pipeline.errors import DocumentError
from pipeline.events import Image, ResourceApplied

_POD_TEMPLATE = ("spec", "template", "spec")
_JOB_TEMPLATE = ("spec", "jobTemplate", "spec", "template", "spec")

_KINDS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "Pod": ("pods", ("spec",)),
    "ReplicationController": ("replicationcontrollers", _POD_TEMPLATE),
    "ReplicaSet": ("replicasets", _POD_TEMPLATE),
    "Deployment": ("deployments", _POD_TEMPLATE),
    "StatefulSet": ("statefulsets", _POD_TEMPLATE),
    "DaemonSet": ("daemonsets", _POD_TEMPLATE),
    "Job": ("jobs", _POD_TEMPLATE),
    "CronJob": ("cronjobs", _JOB_TEMPLATE),
}
POD_SPECS: Mapping[str, tuple[str, ...]] = {kind: path for kind, (_, path) in _KINDS.items()}
"""Kind -> where its pod spec is."""
RESOURCES = frozenset(resource for resource, _ in _KINDS.values())
"""Plural names that `spec.match[].resource` may hold. Replication controllers are ours."""


@dataclass(frozen=True, slots=True)
class Workload:
    """What matching needs to know of a resource."""

    group: str
    version: str
    resource: str
    """Plural name, such as `deployments`."""
    labels: Mapping[str, str]
    """The resource's own labels, not those of its Pods."""
    images: tuple[Image, ...]
    deleting: bool = False


def workload_of(applied: ResourceApplied) -> Workload:
    """Look at a resource. Raises DocumentError that names the field that has a wrong type."""
    ref, body = applied.resource, applied.object
    if ref.kind not in _KINDS:
        raise DocumentError(f"kind: expected one of {', '.join(_KINDS)}, got {describe(ref.kind)}")
    resource, pod_path = _KINDS[ref.kind]
    group, _, version = ref.api_version.rpartition("/")
    metadata = _object(body, ("metadata",))
    pod_spec = _object(body, pod_path)
    status = _object(body, ("status",)) if ref.kind == "Pod" else {}
    return Workload(
        group=group,
        version=version,
        resource=resource,
        labels=dict(_labels(metadata)),
        images=images_of(pod_spec, ".".join(pod_path), status),
        deleting=metadata.get("deletionTimestamp") is not None,
    )


def _object(body: Mapping[str, Any], path: tuple[str, ...]) -> Mapping[str, Any]:
    current: Any = body
    for depth, name in enumerate(path, start=1):
        current = current.get(name)
        if current is None:
            return {}
        if not isinstance(current, dict):
            raise DocumentError(f"{'.'.join(path[:depth])}: expected an object, got {describe(current)}")
    found: Mapping[str, Any] = current
    return found


def _labels(metadata: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    labels = metadata.get("labels")
    if labels is None:
        return
    if not isinstance(labels, dict):
        raise DocumentError(f"metadata.labels: expected an object, got {describe(labels)}")
    for key, value in labels.items():
        if value is not None and not isinstance(value, str):
            raise DocumentError(
                f"metadata.labels[{key}]: expected a string, got {describe(value)}; put it in quotes"
            )
        yield key, value or ""

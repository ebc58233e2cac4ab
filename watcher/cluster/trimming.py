"""What of an object leaves the watcher: nothing secret, nothing that only makes noise. Pure.

Literal environment values are where people put passwords; with `redact` they are
replaced before anything is published, and so is the copy that `kubectl apply` keeps.
"""

from typing import Any

from pipeline.events import REDACTED

_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_CONTAINER_LISTS = ("initContainers", "containers", "ephemeralContainers")
_STATUS_LISTS = ("initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses")
_SPEC_PATHS = {
    "Pod": ("spec",),
    "CronJob": ("spec", "jobTemplate", "spec", "template", "spec"),
}
_TEMPLATE = ("spec", "template", "spec")

Object = dict[str, Any]


def trim(body: Object, *, redact: bool) -> Object:
    """The object as it is published: of its status, only which image digests run."""
    kept = {key: value for key, value in body.items() if key != "status"}
    running = running_images(body)
    if running:
        kept["status"] = running
    metadata = body.get("metadata")
    if isinstance(metadata, dict):
        kept["metadata"] = _trimmed_metadata(metadata, redact=redact)
    return _redacted(kept, _SPEC_PATHS.get(str(body.get("kind")), _TEMPLATE)) if redact else kept


def running_images(body: Object) -> Object:
    """Of a Pod's status: the containers' names and the digests of the images that run."""
    status = body.get("status")
    if body.get("kind") != "Pod" or not isinstance(status, dict):
        return {}
    found: Object = {}
    for name in _STATUS_LISTS:
        statuses = status.get(name)
        if isinstance(statuses, list):
            running = [
                {key: each[key] for key in ("name", "image", "imageID") if key in each}
                for each in statuses
                if isinstance(each, dict) and each.get("imageID")
            ]
            if running:
                found[name] = running
    return found


def _trimmed_metadata(metadata: Object, *, redact: bool) -> Object:
    kept = {key: value for key, value in metadata.items() if key != "managedFields"}
    annotations = kept.get("annotations")
    if redact and isinstance(annotations, dict) and _LAST_APPLIED in annotations:
        kept["annotations"] = {key: value for key, value in annotations.items() if key != _LAST_APPLIED}
    return kept


def _redacted(body: Object, path: tuple[str, ...]) -> Object:
    """A copy along the path to the pod spec, with its literal environment values replaced."""
    if path:
        inner = body.get(path[0])
        return {**body, path[0]: _redacted(inner, path[1:])} if isinstance(inner, dict) else body
    changed = {
        name: [_redacted_container(each) for each in body[name]]
        for name in _CONTAINER_LISTS
        if isinstance(body.get(name), list)
    }
    return {**body, **changed}


def _redacted_container(container: Any) -> Any:
    env = container.get("env") if isinstance(container, dict) else None
    if not isinstance(env, list):
        return container
    return {
        **container,
        "env": [
            {**each, "value": REDACTED} if isinstance(each, dict) and each.get("value") else each
            for each in env
        ],
    }

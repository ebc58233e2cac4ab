"""Values to findings: which object it is, whether it is one for Tocsin and what its kind says.

Pure: no file, no clock. What a finding means for the log is in `watcher.records`.
Findings are structs, because they may come from another process (`watcher.ahead`).
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn

import msgspec

from pipeline.errors import DocumentError, clip
from pipeline.events import PolicyText, ResourceRef
from pipeline.waivers import WAIVER_GROUP, WAIVER_KIND
from watcher.config_maps import ConfigMap, config_map_of, trust_root_of
from watcher.documents import ListKind
from watcher.kinds.metadata import METADATA
from watcher.kinds.shapes import ShapeError, check
from watcher.kinds.workloads import WORKLOADS
from watcher.policy_keys import secret_of

POLICY_GROUP = "policy.sigstore.dev"
POLICY_KIND = "ClusterImagePolicy"
TRUST_ROOT_KIND = "TrustRoot"

_VERSIONS = {
    "Pod": {"v1"},
    "ReplicationController": {"v1"},
    "ReplicaSet": {"apps/v1", "apps/v1beta2", "extensions/v1beta1"},
    "Deployment": {"apps/v1", "apps/v1beta1", "apps/v1beta2", "extensions/v1beta1"},
    "StatefulSet": {"apps/v1", "apps/v1beta1", "apps/v1beta2"},
    "DaemonSet": {"apps/v1", "apps/v1beta2", "extensions/v1beta1"},
    "Job": {"batch/v1"},
    "CronJob": {"batch/v1", "batch/v1beta1", "batch/v2alpha1"},
}
"""Kind -> the API versions that serve it or did once."""
_KEPT: Mapping[tuple[str, str], Callable[[Mapping[str, Any]], ConfigMap | None]] = {
    ("v1", "ConfigMap"): config_map_of,
    ("v1", "Secret"): secret_of,
}
"""What is kept of kinds that policies lead to."""
_UNSEEN_METADATA = ("managedFields", "resourceVersion", "generation")
_TYPE_NAMES = {list: "a list", str: "a string", bool: "a boolean", int: "a number", float: "a number"}
_NAME_LIMIT = 80
"""Characters of a name in a message."""
_LONGEST_NAME = 253
_LONGEST_LABEL = 63
"""As the API server has them: of names of objects (DNS subdomains), and of namespaces and kinds (labels).

Keys on the log and in databases rely on it.
"""


class Resource(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """A workload. `group` is of its kind; `ref.uid` is for `watcher.records` to give."""

    ref: ResourceRef
    group: str
    digest: str
    object: dict[str, Any]
    owner: ResourceRef | None


class Policy(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """A ClusterImagePolicy; whether it is a valid one is for the evaluator to say.

    `texts`: what its fields lead to elsewhere, once `watcher.texts` has resolved them.
    """

    name: str
    digest: str
    object: dict[str, Any]
    texts: tuple[PolicyText, ...] = ()


class PassedOver(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """An object of another kind. `config_map`: what it holds, where it is one and that is wanted.

    Of a TrustRoot that is the entry that policy-controller makes of it. `waiver`: the document of a
    Waiver; `watcher.waivers` reads it, where waivers are looked for.
    """

    kind: str
    config_map: ConfigMap | None = None
    waiver: dict[str, Any] | None = None


class Problem(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """Something that is not an object as Kubernetes knows it. `item`: its index in a List."""

    message: str
    item: int | None = None
    resource: ResourceRef | None = None


Finding = Resource | Policy | PassedOver | Problem


class _ObjectError(DocumentError):
    """An object is not valid; `resource` names it as far as it has a name."""

    def __init__(self, message: str, resource: ResourceRef | None = None) -> None:
        super().__init__(message)
        self.resource = resource


def read(
    value: Any, namespace: str, list_kind: ListKind | None = None, *, config_maps: bool = False
) -> Iterator[Finding]:
    """What is in one document: an object, or a List of objects; nothing where it is empty.

    `namespace`: of objects that name none. `list_kind`: of the List that the
    value is an item of. `config_maps`: whether what they hold is wanted; it may be much.
    An object that is being deleted counts as not there.
    """
    try:
        if value is None and list_kind is None:
            return
        body = _typed_body(value, list_kind)
        if _is_list(body):
            yield from _read_items(body, namespace, config_maps=config_maps)
            return
        finding = _read_object(body, namespace, config_maps=config_maps)
    except _ObjectError as error:
        yield Problem(str(error), resource=error.resource)
        return
    if finding is not None:
        yield finding


def _is_list(body: dict[str, Any]) -> bool:
    """`List` and `PodList` are lists; a custom kind such as `AllowList` without items is not."""
    kind: str = body["kind"]
    return kind == "List" or (kind.endswith("List") and "items" in body)


def _read_items(body: dict[str, Any], namespace: str, *, config_maps: bool) -> Iterator[Finding]:
    items = body.get("items")
    if items is None:
        return
    if not isinstance(items, list):
        raise _ObjectError(f"items: expected a list, got {_type_name(items)}")
    list_kind = ListKind(body["apiVersion"], body["kind"])
    for index, item in enumerate(items):
        for finding in read(item, namespace, list_kind, config_maps=config_maps):
            if isinstance(finding, Problem) and finding.item is None:
                yield Problem(f"items[{index}]: {finding.message}", index, finding.resource)
            else:
                yield finding


def _typed_body(value: Any, list_kind: ListKind | None) -> dict[str, Any]:
    """The value as an object with apiVersion and kind; items of a PodList take theirs from the list."""
    if not isinstance(value, dict):
        raise _ObjectError(f"expected an object with apiVersion and kind, got {_type_name(value)}")
    if list_kind is not None and list_kind.kind != "List" and not value.get("kind"):
        kind = list_kind.kind.removesuffix("List")
        value = {"apiVersion": list_kind.api_version, "kind": kind, **_without_nulls(value)}
    for field in ("apiVersion", "kind"):
        text = value.get(field)
        if text is None or text == "":
            raise _ObjectError(f"no {field}: every Kubernetes object has one")
        if not isinstance(text, str):
            raise _ObjectError(f"{field}: expected a string, got {_type_name(text)}")
    typed: dict[str, Any] = value
    return typed


def _without_nulls(value: dict[str, Any]) -> dict[str, Any]:
    return {key: inner for key, inner in value.items() if inner is not None and inner != ""}


def _read_object(body: dict[str, Any], namespace: str, *, config_maps: bool) -> Finding | None:
    api_version, kind = body["apiVersion"], body["kind"]
    group = api_version.rpartition("/")[0]
    if kind == POLICY_KIND and group == POLICY_GROUP:
        return _read_policy(body)
    if api_version in _VERSIONS.get(kind, ()):
        return _read_workload(body, group, namespace)
    if (kept := _KEPT.get((api_version, kind))) is not None:
        return PassedOver(kind, kept(body) if config_maps else None)
    if kind == WAIVER_KIND and group == WAIVER_GROUP:
        return PassedOver(kind, waiver=body)
    if kind == TRUST_ROOT_KIND and group == POLICY_GROUP:
        return PassedOver(kind, trust_root_of(body) if config_maps else None)
    known = kind in _VERSIONS or kind in (POLICY_KIND, TRUST_ROOT_KIND)
    return PassedOver(clip(f"{kind} of {api_version}" if known else kind, _NAME_LIMIT))


def _read_policy(body: dict[str, Any]) -> Policy | None:
    name = f"{POLICY_KIND} {_name_of(body)}"
    metadata = body.get("metadata")
    if metadata is None:
        raise _ObjectError(f"{POLICY_KIND}: no metadata: it needs at least a name")
    try:
        meta = check(metadata, METADATA)
    except ShapeError as error:
        raise _ObjectError(f"{name}: metadata.{error}") from None
    if not meta.name:
        raise _ObjectError(f"{POLICY_KIND}: no metadata.name")
    if "/" in meta.name:  # as the API server has it; keys on the log rely on it
        raise _ObjectError(f"{name}: metadata.name: expected a name without /")
    if too_long := _too_long(meta.name, "name", _LONGEST_NAME):
        raise _ObjectError(f"{name}: {too_long}")
    if meta.deletionTimestamp:
        return None
    digest = _digest({"apiVersion": body["apiVersion"], "spec": body.get("spec")})
    return Policy(meta.name, digest, _without_managed_fields(body))


def _read_workload(body: dict[str, Any], group: str, namespace: str) -> Resource | None:
    type_, path = WORKLOADS[body["kind"]]
    try:
        typed = check(body, type_)
    except ShapeError as error:
        _refuse(body, namespace, str(error))
    meta = typed.metadata
    if meta is None:
        _refuse(body, namespace, "no metadata: it needs at least a name")
    name = meta.name or meta.generateName
    if not name:
        _refuse(body, namespace, "no metadata.name")
    if meta.deletionTimestamp:
        return None
    pod_spec = typed
    for step in path.split("."):
        pod_spec = getattr(pod_spec, step) if pod_spec is not None else None
    if pod_spec is None or not pod_spec.containers:
        _refuse(body, namespace, f"{path}.containers: a Pod needs at least one container")
    owner = _owner(meta, meta.namespace or namespace)
    if too_long := (
        _too_long(name, "name", _LONGEST_NAME)
        or _too_long(meta.namespace or "", "namespace", _LONGEST_LABEL)
        or _too_long(owner.name if owner else "", "ownerReferences: name", _LONGEST_NAME)
        or _too_long(owner.kind if owner else "", "ownerReferences: kind", _LONGEST_LABEL)
    ):
        _refuse(body, namespace, too_long)
    ref = ResourceRef(
        api_version=body["apiVersion"],
        kind=body["kind"],
        namespace=meta.namespace or namespace,
        name=name,
        resource_version=meta.resourceVersion or "",
    )
    return Resource(ref, group, seen_digest(body), _without_managed_fields(body), owner)


def _too_long(value: str, field: str, limit: int) -> str:
    """What to say of a name that the API server would refuse for its length; empty where it would not."""
    return (
        f"metadata.{field}: {len(value)} characters, Kubernetes takes {limit}" if len(value) > limit else ""
    )


def _refuse(body: dict[str, Any], namespace: str, message: str) -> NoReturn:
    """Raise for a workload, naming it as far as it can be named."""
    name = _name_of(body)
    metadata = body.get("metadata")
    own = metadata.get("namespace") if isinstance(metadata, dict) else None
    ref = ResourceRef(
        api_version=body["apiVersion"],
        kind=body["kind"],
        namespace=clip(own, _NAME_LIMIT) if isinstance(own, str) and own else namespace,
        name=name,
    )
    raise _ObjectError(f"{body['kind']} {name}".rstrip() + f": {message}", ref)


def _name_of(body: dict[str, Any]) -> str:
    metadata = body.get("metadata")
    name = metadata.get("name") or metadata.get("generateName") if isinstance(metadata, dict) else None
    return clip(name, _NAME_LIMIT) if isinstance(name, str) else ""


def _owner(meta: Any, namespace: str) -> ResourceRef | None:
    """The controller among the owners: it is what keeps the object in being."""
    for owner in meta.ownerReferences or ():
        if owner.controller:
            return ResourceRef(
                api_version=owner.apiVersion or "",
                kind=owner.kind or "",
                namespace=namespace,
                name=owner.name or "",
                uid=owner.uid or "",
            )
    return None


def controller_of(metadata: dict[str, Any]) -> ResourceRef | None:
    """The controller among the owners, read leniently: a reference is no reason to refuse an object."""
    owners = metadata.get("ownerReferences")
    for owner in owners if isinstance(owners, list) else ():
        if isinstance(owner, dict) and owner.get("controller") is True:
            return ResourceRef(
                api_version=str(owner.get("apiVersion") or ""),
                kind=str(owner.get("kind") or ""),
                namespace=str(metadata.get("namespace") or ""),
                name=str(owner.get("name") or ""),
                uid=str(owner.get("uid") or ""),
            )
    return None


def _without_managed_fields(body: dict[str, Any]) -> dict[str, Any]:
    metadata = body.get("metadata")
    if isinstance(metadata, dict) and "managedFields" in metadata:
        kept = {key: value for key, value in metadata.items() if key != "managedFields"}
        return {**body, "metadata": kept}
    return body


def seen_digest(body: dict[str, Any], running: Any = None) -> str:
    """Digest of what policies can see: not status, nor what every write changes.

    `running`: what is known of the images that run; policies see their digests.
    """
    metadata = {key: value for key, value in body["metadata"].items() if key not in _UNSEEN_METADATA}
    return _digest(
        {
            "apiVersion": body["apiVersion"],
            "kind": body["kind"],
            "metadata": metadata,
            "spec": body.get("spec"),
            **({"running": running} if running else {}),
        }
    )


def _digest(value: Any) -> str:
    """SHA-256, hexadecimal, of a value as canonical JSON: keys sorted, no blanks."""
    return hashlib.sha256(msgspec.json.encode(value, order="sorted")).hexdigest()


def _type_name(value: Any) -> str:
    return "nothing" if value is None else _TYPE_NAMES.get(type(value), "an object")

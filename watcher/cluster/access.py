"""What a watcher has to be allowed, and whether it is: the API server is asked, not guessed.

A SelfSubjectAccessReview for each right (authorization.k8s.io/v1), which every
authenticated user may make. `deploy/rbac.yaml` grants what is named here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.errors import clip
from pipeline.settings import ClusterSettings
from watcher.cluster.api import ApiServer, decode
from watcher.cluster.errors import ApiError
from watcher.cluster.kinds import CONFIG_MAPS, NAMESPACES, POLICIES, WORKLOADS, ServedKind

_REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_IDENTITIES = "/apis/authentication.k8s.io/v1/selfsubjectreviews"


@dataclass(frozen=True, slots=True)
class Right:
    """`verbs` on a resource. `namespace` and `name`: empty for all."""

    group: str
    resource: str
    verbs: tuple[str, ...]
    namespace: str = ""
    name: str = ""

    def rule(self, verbs: Sequence[str]) -> str:
        """The rule of a role that grants these verbs, as YAML in one line."""
        group = self.group or '""'
        names = f", resourceNames: [{self.name}]" if self.name else ""
        return f"{{apiGroups: [{group}], resources: [{self.resource}]{names}, verbs: [{', '.join(verbs)}]}}"

    @property
    def role(self) -> str:
        """The kind of role that such a rule goes into."""
        return f"a Role in namespace {self.namespace}" if self.namespace else "a ClusterRole"


def needed(settings: ClusterSettings) -> list[Right]:
    """Every right that `run` and `scan` make use of with these settings."""
    rights = [
        _reading(kind, namespace)
        for kind in WORKLOADS
        if kind.kind in settings.kinds
        for namespace in sorted(settings.namespaces) or [""]
    ]
    rights.append(_reading(POLICIES, ""))
    spaces = {settings.texts.namespace, settings.waiver_namespace} - {""}
    rights += [_reading(CONFIG_MAPS, namespace) for namespace in sorted(spaces)]
    if settings.namespace_selector:
        rights.append(_reading(NAMESPACES, ""))
    if settings.lease:
        namespace, _, name = settings.lease.partition("/")
        leases = ("coordination.k8s.io", "leases")
        rights.append(Right(*leases, ("create",), namespace))
        rights.append(Right(*leases, ("get", "update"), namespace, name))
    return rights


def _reading(kind: ServedKind, namespace: str) -> Right:
    return Right(kind.group, kind.plural, ("list", "watch"), namespace)


async def denied(api: ApiServer, right: Right) -> list[str]:
    """The verbs that are not allowed. Raises ApiError where the server does not say."""
    return [verb for verb in right.verbs if not await _allowed(api, right, verb)]


async def _allowed(api: ApiServer, right: Right, verb: str) -> bool:
    attributes = {"verb": verb, "group": right.group, "resource": right.resource}
    optional = {"namespace": right.namespace, "name": right.name}
    attributes |= {key: value for key, value in optional.items() if value}
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    answer = decode(await api.send("POST", _REVIEWS, body), _REVIEWS)
    return _at(answer, "status", "allowed") is True


async def version(api: ApiServer) -> str:
    """The server's version, such as v1.36.3. Raises ApiError."""
    return clip(str(_at(decode(await api.get("/version"), "/version"), "gitVersion") or "unknown"), 80)


async def identity(api: ApiServer) -> str:
    """Who the server takes us for; empty where it does not say (before Kubernetes 1.28)."""
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    try:
        answer = decode(await api.send("POST", _IDENTITIES, body), _IDENTITIES)
    except ApiError:
        return ""
    return clip(str(_at(answer, "status", "userInfo", "username") or ""), 200)


async def served_versions(api: ApiServer, group: str) -> list[str]:
    """The versions of an API group, the preferred one first. Raises ApiError; MissingError: no such group."""
    path = f"/apis/{group}"
    answer = decode(await api.get(path), path)
    versions = _at(answer, "versions")
    return [str(_at(each, "version")) for each in versions if _at(each, "version")] if versions else []


def _at(value: Any, *keys: str) -> Any:
    """What is under these keys; None where nothing is."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value

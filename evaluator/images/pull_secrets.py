"""`imagePullSecrets` of a workload, or of its service account, as credentials.

Source: Kubernetes, "Pull an Image from a Private Registry" and the ServiceAccount admission
plug-in: a Pod that names secrets uses those, another those of its service account. Secrets
are read when a registry is about to be asked, by name, and kept in memory for a few minutes;
they are never logged, stored or part of a message. One that is not there is passed over, as
kubelet does.
"""

import base64
import binascii
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from evaluator.images.credentials import Credential, Keychain, find_auth, read_docker_config
from evaluator.images.errors import RegistryError
from pipeline.events import ResourceApplied

_KEPT_SECONDS = 300.0
_SECRETS, _ACCOUNTS = "secrets", "serviceaccounts"
_POD_PATHS = (
    ("spec", "jobTemplate", "spec", "template", "spec"),
    ("spec", "template", "spec"),
    ("spec",),
)


class ReadsObjects(Protocol):
    """What reads one object of a cluster by its name."""

    async def read(self, plural: str, namespace: str, name: str) -> Mapping[str, Any] | None:
        """A Secret or a ServiceAccount (`plural`: secrets, serviceaccounts); None where there is none.

        Raises RegistryError where it cannot be read.
        """
        ...


@dataclass(frozen=True, slots=True)
class _Kept:
    value: Mapping[str, Any] | None
    until: float


class PullSecrets:
    """Keychains of workloads. `otherwise` is asked where their secrets have nothing for a registry."""

    def __init__(self, objects: ReadsObjects, otherwise: Keychain, clock: Callable[[], float]) -> None:
        self._objects = objects
        self._otherwise = otherwise
        self._clock = clock
        self._kept: dict[tuple[str, str, str], _Kept] = {}

    def keychain(self, applied: ResourceApplied) -> "WorkloadKeychain":
        """What a workload may use."""
        pod = _pod_spec(applied.object)
        account = pod.get("serviceAccountName") or pod.get("serviceAccount") or "default"
        return WorkloadKeychain(self, applied.resource.namespace, tuple(_names(pod)), str(account))

    def of_signatures(self, applied: ResourceApplied, names: tuple[str, ...]) -> "WorkloadKeychain":
        """What `signaturePullSecrets` name: Secrets of the workload's namespace, and no service account's."""
        return WorkloadKeychain(self, applied.resource.namespace, names, account="")

    async def find(self, whose: "WorkloadKeychain", registry: str, repository: str) -> Credential | None:
        """See Keychain."""
        names = whose.secrets
        if not names:
            account = await self._read(_ACCOUNTS, whose.namespace, whose.account)
            names = tuple(_names(account or {}))
        for name in names:
            secret = await self._read(_SECRETS, whose.namespace, name)
            found = find_auth(_auths(secret or {}, whose.namespace, name), registry, repository)
            if found is not None:
                return found
        return await self._otherwise.find(registry, repository)

    async def _read(self, plural: str, namespace: str, name: str) -> Mapping[str, Any] | None:
        now = self._clock()
        kept = self._kept.get((plural, namespace, name))
        if kept is None or kept.until <= now:
            self._kept = {key: each for key, each in self._kept.items() if each.until > now}
            value = await self._objects.read(plural, namespace, name)
            kept = self._kept[plural, namespace, name] = _Kept(value, now + _KEPT_SECONDS)
        return kept.value


@dataclass(frozen=True, slots=True)
class WorkloadKeychain:
    """See PullSecrets. Workloads that may use the same are equal."""

    _all: PullSecrets
    namespace: str
    secrets: tuple[str, ...]
    account: str

    async def find(self, registry: str, repository: str) -> Credential | None:
        """See Keychain."""
        return await self._all.find(self, registry, repository)


def _auths(secret: Mapping[str, Any], namespace: str, name: str) -> Mapping[str, Any]:
    """The entries of a secret of either type; none of another."""
    data = secret.get("data")
    for key in (".dockerconfigjson", ".dockercfg"):
        text = data.get(key) if isinstance(data, dict) else None
        if not isinstance(text, str):
            continue
        try:
            config = read_docker_config(base64.b64decode(text))
        except (RegistryError, binascii.Error, ValueError):
            raise RegistryError(f"pull secret {namespace}/{name}: {key} is no docker config") from None
        auths = config.get("auths") if key == ".dockerconfigjson" else config
        return auths if isinstance(auths, dict) else {}
    return {}


def _pod_spec(body: Mapping[str, Any]) -> Mapping[str, Any]:
    for path in _POD_PATHS:
        value: Any = body
        for name in path:
            value = value.get(name) if isinstance(value, dict) else None
        if isinstance(value, dict):
            return value
    return {}


def _names(holder: Mapping[str, Any]) -> Iterator[str]:
    secrets = holder.get("imagePullSecrets")
    for item in secrets if isinstance(secrets, list) else ():
        name = item.get("name") if isinstance(item, dict) else None
        if isinstance(name, str) and name:
            yield name

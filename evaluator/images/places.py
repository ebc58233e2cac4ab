"""Which hosts may be asked, and how: what settings and addresses allow. Pure.

Image names are written by whoever writes a workload: `169.254.169.254/x` names a cloud's
metadata service, and `10.0.0.1/x` a neighbour. So private, loopback and link-local
addresses are refused, unless settings name the host.
"""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from urllib.parse import urlsplit

from evaluator.images.errors import ForbiddenHostError
from evaluator.policies.references import DOCKER_HUB
from pipeline.errors import clip
from pipeline.settings import ImageSettings

DOCKER_HUB_API = "registry-1.docker.io"
"""Where Docker Hub answers. It is no mirror: credentials are those of Docker Hub."""

_PRIVATE = "private_registries"
_HOST = re.compile(r"([a-z0-9_-]+\.)*[a-z0-9_-]+(:[0-9]{1,5})?|\[[0-9a-f:.]+\](:[0-9]{1,5})?")


@dataclass(frozen=True, slots=True)
class Place:
    """Where to ask for a registry's content. `base` is a URL without a slash at its end."""

    base: str
    host: str
    """`host[:port]` as credentials name it."""

    @property
    def secure(self) -> bool:
        """Whether it is asked by HTTPS."""
        return self.base.startswith("https:")


class Places:
    """See the module. Hosts are `host` or `host:port`, in lower case."""

    def __init__(self, settings: ImageSettings) -> None:
        self._allowed = frozenset(map(str.lower, settings.allowed_registries))
        self._denied = frozenset(map(str.lower, settings.denied_registries))
        self._insecure = frozenset(map(str.lower, settings.insecure_registries))
        mirrors = {name.lower(): tuple(urls) for name, urls in settings.registry_mirrors.items()}
        self._mirrors = mirrors
        named = {_host_port(url) for urls in mirrors.values() for url in urls}
        self._private = frozenset(map(str.lower, settings.private_registries)) | self._insecure | named

    def of(self, registry: str) -> list[Place]:
        """Where to ask, mirrors first. Raises ForbiddenHostError."""
        name = registry.lower()
        if _HOST.fullmatch(name) is None:
            raise ForbiddenHostError(f'"{clip(registry, 100)}" is no name of a host')
        if _is_any(name, self._denied) or (self._allowed and not _is_any(name, self._allowed)):
            setting = "denied_registries" if _is_any(name, self._denied) else "allowed_registries"
            raise ForbiddenHostError(f"{clip(registry, 100)}: not asked, by the setting {setting}")
        mirrors = [Place(url.rstrip("/"), _host_port(url)) for url in self._mirrors.get(name, ())]
        return [*mirrors, self._itself(name)]

    def check_host(self, host: str, port: int | None) -> None:
        """Refuse what is an address that may not be asked. Raises ForbiddenHostError."""
        if self.is_private(host, port):
            return
        if host.rstrip(".").lower() == "localhost" or host.lower().endswith(".localhost"):
            raise _forbidden(host)
        try:
            address = ipaddress.ip_address(host.strip("[]"))
        except ValueError:
            return
        self.check_address(host, str(address))

    def check_address(self, host: str, address: str) -> None:
        """Refuse an address that a name stands for. Raises ForbiddenHostError."""
        found = ipaddress.ip_address(address.partition("%")[0])
        if isinstance(found, ipaddress.IPv6Address):
            embedded = found.ipv4_mapped or found.sixtofour
            if embedded is not None:
                found = embedded
        if not found.is_global or found.is_multicast or found in _NAT64:
            raise _forbidden(host, address)

    def is_private(self, host: str, port: int | None) -> bool:
        """Whether settings name this host as one that may have a private address."""
        bare = host.strip("[]").lower()
        shown = f"[{bare}]" if ":" in bare else bare
        return bool({bare, shown, f"{shown}:{port}"} & self._private)

    def _itself(self, name: str) -> Place:
        host = DOCKER_HUB_API if name == DOCKER_HUB else name
        scheme = "http" if name in self._insecure else "https"
        return Place(f"{scheme}://{host}", name)


_NAT64 = ipaddress.ip_network("64:ff9b::/96")
"""IPv4 addresses seen from an IPv6 network: any, private ones included."""


def _is_any(name: str, patterns: Iterable[str]) -> bool:
    """Whether a registry is one of these; `*.example.com` is every one below it."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _host_port(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2].lower()


def _forbidden(host: str, address: str = "") -> ForbiddenHostError:
    stands = f" stands for {address}, which" if address and address != host else ""
    return ForbiddenHostError(
        f"{clip(host, 100)}{stands} is no public address; not asked unless the setting {_PRIVATE} names it"
    )

"""Image references, normalised as admission does it.

Source: go-containerregistry 0.22, package `name`, `ParseReference` with weak
validation: no registry is Docker Hub, `docker.io` is `index.docker.io`, no slash
on Docker Hub is `library/`, no tag and no digest is `:latest`; a tag beside a
digest is dropped. The first part is a registry if it is `localhost` or has a `.`
or a `:` (in older releases `localhost/app` was on Docker Hub). Difference: the limit
of 255 characters counts `library/` in, so that normalising twice changes nothing.
"""

import ipaddress
import re
from dataclasses import dataclass
from functools import lru_cache

from pipeline.errors import DocumentError, clip

DOCKER_HUB = "index.docker.io"
_DOCKER_HUB_ALIAS = "docker.io"
_LIBRARY = "library"
_LATEST = "latest"

_REPOSITORY = re.compile(r"[a-z0-9_./-]{1,255}")
_TAG = re.compile(r"[A-Za-z0-9_.-]{1,128}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128}")
# What Go's net/url takes for a host with a port, without percent-escapes (those never survive there).
_HOST_CHARACTERS = r"""A-Za-z0-9\-_.~!$&'()*+,;=<>"\]\u0080-\U0010ffff"""
_HOST = re.compile(rf"[{_HOST_CHARACTERS}:]*:[0-9]*|[{_HOST_CHARACTERS}]*")
_IPV6_HOST = re.compile(r"\[([0-9a-fA-F:.]+)\](?::[0-9]*)?")
_CACHED_REFERENCES = 16_384


class InvalidReferenceError(DocumentError, ValueError):
    """Not an image reference; the text says why."""


@dataclass(frozen=True, slots=True)
class Reference:
    """An image reference in full. Exactly one of `tag` and `digest` is set."""

    registry: str
    repository: str
    tag: str = ""
    digest: str = ""

    @property
    def name(self) -> str:
        """The normalised reference, such as `index.docker.io/library/nginx:latest`."""
        if self.digest:
            return self.with_digest(self.digest)
        return f"{self.registry}/{self.repository}:{self.tag}"

    def with_digest(self, digest: str) -> str:
        """The normalised reference of these bytes in this repository."""
        return f"{self.registry}/{self.repository}@{digest}"


@lru_cache(maxsize=_CACHED_REFERENCES)
def parse_reference(text: str) -> Reference:
    """Normalise an image reference. Raises InvalidReferenceError."""
    if text.startswith(("http://", "https://")):
        raise _invalid(text, "an image reference has no URL scheme")
    base, at, digest = text.partition("@")
    if at and not is_digest(digest):
        raise _invalid(
            text, "a digest is sha256: and 64 hexadecimal digits (or sha384: and 96, sha512: and 128)"
        )
    name, tag = _split_tag(base)
    if tag is not None and _TAG.fullmatch(tag) is None:
        raise _invalid(text, "a tag is 1 to 128 letters, digits, '_', '.', '-'")
    registry, repository = _parse_repository(text, name)
    if digest:
        return Reference(registry, repository, digest=digest)
    return Reference(registry, repository, tag=tag or _LATEST)


def is_digest(text: str) -> bool:
    """Whether this is the digest of a manifest, such as `sha256:` and 64 hexadecimal digits."""
    return _DIGEST.fullmatch(text) is not None


def check_repository(text: str) -> None:
    """Check `REGISTRY` or `REGISTRY/REPOSITORY`, written in full. Raises InvalidReferenceError.

    Source: policy-controller, `pkg/apis/policy/common`, `ValidateOCI`: strict validation, so
    that neither the registry nor `library/` may be left out.
    """
    first, slash, _ = text.partition("/")
    if not (slash and _names_registry(first)):
        _check_registry(text, text)
        if not text:
            raise _invalid(text, "a registry is needed")
        return
    registry, repository = _parse_repository(text, text)
    if registry == DOCKER_HUB and not text.endswith(f"/{repository}"):
        raise _invalid(text, f"the full path is needed ({_LIBRARY}/ is missing)")


def _split_tag(text: str) -> tuple[str, str | None]:
    base, colon, tag = text.rpartition(":")
    if not colon or "/" in tag:  # the colon of a port
        return text, None
    return base, tag


def _names_registry(first: str) -> bool:
    return first == "localhost" or "." in first or ":" in first


def _parse_repository(text: str, name: str) -> tuple[str, str]:
    registry, repository = "", name
    first, slash, rest = name.partition("/")
    if slash and _names_registry(first):
        registry, repository = first, rest
        _check_registry(text, registry)
    if registry in {"", _DOCKER_HUB_ALIAS}:
        registry = DOCKER_HUB
    if _REPOSITORY.fullmatch(repository) is None:
        raise _invalid(text, "a repository is 1 to 255 of the characters a-z, 0-9, '_', '-', '.', '/'")
    if registry == DOCKER_HUB and "/" not in repository:
        repository = f"{_LIBRARY}/{repository}"
        if _REPOSITORY.fullmatch(repository) is None:
            raise _invalid(text, "a repository is at most 255 characters, library/ included")
    return registry, repository


def _check_registry(text: str, registry: str) -> None:
    bracketed = _IPV6_HOST.fullmatch(registry)
    if bracketed is not None:
        try:
            ipaddress.IPv6Address(bracketed[1])
        except ValueError as error:
            raise _invalid(text, "the registry in brackets is no IPv6 address") from error
    elif _HOST.fullmatch(registry) is None:
        raise _invalid(text, "the registry is no host with an optional port")


def _invalid(text: str, reason: str) -> InvalidReferenceError:
    return InvalidReferenceError(f'image reference "{clip(text)}" is not valid: {reason}')

"""Credentials as docker keeps them: `config.json` and credential helpers.

Source: docker's `cli/config/configfile`, docker-credential-helpers' protocol, and
Kubernetes' `pkg/credentialprovider` (keys with a path; the longest that fits is tried).
Nothing here is logged, stored, or part of a message.
"""

import asyncio
import base64
import binascii
import os
import re
import signal
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import msgspec

from evaluator.images.errors import RegistryError
from evaluator.policies.references import DOCKER_HUB
from pipeline.errors import clip

_HUB_SERVER = "https://index.docker.io/v1/"
"""What docker calls Docker Hub where credentials are kept."""
_HUB_NAMES = frozenset({"docker.io", "registry-1.docker.io", "registry.hub.docker.com"})
_HELPER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_TOKEN_USER = "<token>"  # noqa: S105 - what helpers say for a user where the secret is a token
_NOT_FOUND = b"credentials not found"
_ANSWER_LIMIT = 1 << 20


@dataclass(frozen=True, slots=True)
class Credential:
    """For one registry. `identity_token` instead of a password: for the token service only."""

    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)

    @property
    def basic(self) -> str:
        """The value of an Authorization header."""
        return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode()


class Keychain(Protocol):
    """What knows credentials."""

    async def find(self, registry: str, repository: str) -> Credential | None:
        """Those for a repository; None: ask without. Raises RegistryError: they cannot be had."""
        ...


class DockerConfig:
    """A docker `config.json`, read when it is first needed; a file that is not there has no credentials.

    Helpers are programs on the PATH (`docker-credential-NAME`), asked once for a registry.
    """

    def __init__(self, path: Path, helper_timeout: float) -> None:
        self._path = path
        self._timeout = helper_timeout
        self._config: Mapping[str, Any] | None = None
        self._from_helpers: dict[str, Credential | None] = {}
        self._asking = asyncio.Lock()

    async def find(self, registry: str, repository: str) -> Credential | None:
        """See Keychain."""
        if self._config is None:
            self._config = _read_config(self._path)
        helpers = self._config.get("credHelpers")
        by_host = {_host(name): helper for name, helper in _mapping(helpers).items()}
        helper = by_host.get(registry.lower()) or self._config.get("credsStore")
        if isinstance(helper, str) and helper:
            found = await self._ask(helper, registry)
            if found is not None:
                return found
        return find_auth(_mapping(self._config.get("auths")), registry, repository)

    async def _ask(self, helper: str, registry: str) -> Credential | None:
        async with self._asking:
            if registry not in self._from_helpers:
                self._from_helpers[registry] = await ask_helper(helper, registry, self._timeout)
            return self._from_helpers[registry]


def find_auth(auths: Mapping[str, Any], registry: str, repository: str) -> Credential | None:
    """The entry for a repository: the longest key that is the registry, or a path on the way to it."""
    place = f"{registry.lower()}/{repository}"
    fitting = [
        (len(name), entry)
        for key, entry in auths.items()
        if isinstance(entry, dict) and f"{place}/".startswith(f"{(name := _host_and_path(key))}/")
    ]
    for _, entry in sorted(fitting, key=lambda item: item[0], reverse=True):
        found = _credential(entry)
        if found is not None:
            return found
    return None


async def ask_helper(helper: str, registry: str, seconds: float) -> Credential | None:
    """Ask a credential helper. None: it has none for this registry. Raises RegistryError."""
    name = f"docker-credential-{clip(helper, 60)}"
    if _HELPER.fullmatch(helper) is None:
        raise RegistryError(f"{name}: no name of a credential helper")
    try:
        process = await asyncio.create_subprocess_exec(
            name,
            "get",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,  # so that what it started ends with it
        )
    except OSError as error:
        raise RegistryError(
            f"{name} is named in docker's config.json for {clip(registry, 100)}, but cannot be run: "
            f"{error.strerror or error}; install it, or take it out"
        ) from error
    server = _HUB_SERVER if registry == DOCKER_HUB else registry
    try:
        async with asyncio.timeout(seconds):
            output, _ = await process.communicate(server.encode())
    except TimeoutError as error:
        raise RegistryError(f"{name} did not answer within {seconds:g} s") from error
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    if process.returncode != 0:
        if _NOT_FOUND in output.lower():
            return None
        # what it says is kept out: it may hold what it knows
        raise RegistryError(f"{name} ended with exit code {process.returncode} for {clip(registry, 100)}")
    return _from_helper(name, output[:_ANSWER_LIMIT])


def read_docker_config(body: bytes) -> Mapping[str, Any]:
    """The content of a `config.json`. Raises RegistryError."""
    try:
        config = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise RegistryError("expected the JSON of a docker config") from None
    if not isinstance(config, dict):
        raise RegistryError("expected a JSON object of a docker config")
    return config


def _read_config(path: Path) -> Mapping[str, Any]:
    try:
        body = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise RegistryError(f"{path}: {error.strerror}") from error
    try:
        return read_docker_config(body)
    except RegistryError as error:
        raise RegistryError(f"{path}: {error}") from None


def _from_helper(name: str, output: bytes) -> Credential:
    try:
        answer = msgspec.json.decode(output, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise RegistryError(f"{name} answered what is no JSON object") from None
    username, secret = answer.get("Username"), answer.get("Secret")
    if not isinstance(username, str) or not isinstance(secret, str):
        raise RegistryError(f"{name} answered without Username and Secret")
    if username == _TOKEN_USER:
        return Credential(identity_token=secret)
    return Credential(username, secret)


def _credential(entry: Mapping[str, Any]) -> Credential | None:
    """An entry of `auths`. One that says nothing is what docker leaves where a helper has the secret."""
    token = entry.get("identitytoken")
    if isinstance(token, str) and token:
        return Credential(identity_token=token)
    auth = entry.get("auth")
    if isinstance(auth, str) and auth:
        try:
            username, colon, password = base64.b64decode(auth).decode().partition(":")
        except (binascii.Error, ValueError):
            return None
        return Credential(username, password.rstrip("\0")) if colon else None
    user, secret = entry.get("username"), entry.get("password")
    if isinstance(user, str) and isinstance(secret, str) and user:
        return Credential(user, secret)
    return None


def _host_and_path(key: str) -> str:
    """A key of `auths` as `host[:port][/path]`: schemes and API versions are history."""
    host, _, path = key.partition("://")[2 if "://" in key else 0].rstrip("/").partition("/")
    path = re.sub(r"(^|/)v[12]$", "", path)
    host = host.lower()
    host = DOCKER_HUB if host in _HUB_NAMES else host
    return f"{host}/{path}" if path else host


def _host(key: str) -> str:
    return _host_and_path(key).partition("/")[0]


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}

"""Reads Secrets and ServiceAccounts by name, for pull secrets, where the setting says so."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Self
from urllib.parse import quote

from evaluator.images.errors import RegistryError
from pipeline.settings import ClusterSettings
from watcher.cluster.api import ApiServer, decode
from watcher.cluster.errors import ApiError, MissingError


class ClusterObjects:
    """See `evaluator.images.pull_secrets.ReadsObjects`. Needs `get` on both, in the workloads' namespaces."""

    def __init__(self, api: ApiServer) -> None:
        self._api = api

    @classmethod
    @asynccontextmanager
    async def connect(cls, settings: ClusterSettings) -> AsyncIterator[Self]:
        """Read the credentials for the cluster; nothing is asked yet. Raises UsageError."""
        async with ApiServer.connect(settings) as api:
            yield cls(api)

    async def read(self, plural: str, namespace: str, name: str) -> Mapping[str, Any] | None:
        """One object; None where there is none."""
        path = f"/api/v1/namespaces/{quote(namespace, safe='')}/{plural}/{quote(name, safe='')}"
        try:
            answer = decode(await self._api.get(path), path)
        except MissingError:
            return None
        except ApiError as error:
            raise RegistryError(f"pull secrets: {error}") from error
        return answer if isinstance(answer, dict) else None

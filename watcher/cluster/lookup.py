"""Asks for the controller of a controller that no watch has brought yet.

A Pod may come before the ReplicaSet that owns it: they come over two connections. One
list of one object, with the `list` verb that the watcher has anyway, settles it.
"""

import asyncio
import logging
from typing import Any

from pipeline.events import ResourceRef
from watcher.backoff import Backoff
from watcher.cluster.api import ApiServer, decode
from watcher.cluster.errors import ApiError, FailingError, ThrottledError, UnreachableError
from watcher.cluster.kinds import WORKLOADS
from watcher.objects import controller_of

_logger = logging.getLogger(__name__)
_TRIES = 10
"""Of a server that is away or busy: the answer names the owner until the object changes."""
_KINDS = {(kind.group, kind.kind): kind for kind in WORKLOADS}


class OwnerLookup:
    """See the module."""

    def __init__(self, api: ApiServer, backoff: Backoff | None = None) -> None:
        self._api = api
        self._backoff = backoff or Backoff()

    async def owner_of(self, controller: ResourceRef) -> ResourceRef | None:
        """Who controls it; None where nobody does, it is gone, or the server does not say."""
        kind = _KINDS.get((controller.api_version.rpartition("/")[0], controller.kind))
        if kind is None or not controller.name:
            return None
        try:
            answer = await self._ask(kind.path(controller.namespace), controller.name)
        except ApiError as error:
            _logger.info("the owner of %s %s is not known: %s", controller.kind, controller.name, error)
            return None
        items = answer.get("items") if isinstance(answer, dict) else None
        for item in items if isinstance(items, list) else ():
            metadata = item.get("metadata") if isinstance(item, dict) else None
            if isinstance(metadata, dict) and metadata.get("uid") == controller.uid:
                return controller_of(metadata)
        return None

    async def _ask(self, path: str, name: str) -> Any:
        """The list of one. Raises ApiError."""
        self._backoff.reset()
        for _ in range(_TRIES - 1):
            try:
                return decode(await self._api.get(path, {"fieldSelector": f"metadata.name={name}"}), path)
            except FailingError:
                raise
            except ThrottledError as error:
                await asyncio.sleep(self._backoff.delay(error.retry_after))
            except UnreachableError:
                await asyncio.sleep(self._backoff.delay())
        return decode(await self._api.get(path, {"fieldSelector": f"metadata.name={name}"}), path)

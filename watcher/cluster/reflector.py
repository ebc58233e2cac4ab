"""One kind of one cluster, followed: list, watch from there, list again when the server has forgotten.

Follows the Kubernetes API concepts. The list is streamed (sendInitialEvents) where the
server offers it, else paged. Whatever goes wrong is waited out with a jittered back-off;
what the cluster does not have or does not let us read is reported, and tried again later.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from pipeline.settings import ClusterSettings
from watcher.cluster import errors
from watcher.cluster.api import ApiServer, decode, refusal
from watcher.cluster.backoff import Backoff
from watcher.cluster.kinds import ServedKind
from watcher.cluster.lines import Lines
from watcher.cluster.liststate import ListState

_logger = logging.getLogger(__name__)
_INITIAL_EVENTS_END = "k8s.io/initial-events-end"
_WATCH_SECONDS = 300
"""After which the server shall end a watch; a new one spreads load over its replicas."""

Object = dict[str, Any]


class Handler(Protocol):
    """What becomes of objects."""

    async def apply(self, kind: ServedKind, state: ListState, objects: Sequence[Object]) -> None:
        """These objects are there now, in this order."""
        ...

    async def remove(self, kind: ServedKind, uids: Sequence[str]) -> None:
        """These objects are gone."""
        ...


class Reflector:
    """Follows one kind until told to stop. `changed` is called when it is synced or denied, or no longer."""

    def __init__(
        self,
        api: ApiServer,
        kind: ServedKind,
        namespace: str,
        handler: Handler,
        settings: ClusterSettings,
        changed: Callable[[], None],
    ) -> None:
        self.kind = kind
        self.state = ListState()
        self.trouble = ""
        """Why this kind cannot be read; empty while it can."""
        self._api = api
        self._path = kind.path(namespace)
        self._handler = handler
        self._settings = settings
        self._changed = changed
        self._streams_lists = True
        self._backoff = Backoff(settings.backoff_first, settings.backoff_most)

    @property
    def settled(self) -> bool:
        """Whether everything was listed once, or cannot be."""
        return self.state.synced or bool(self.trouble)

    async def run(self, stop: asyncio.Event) -> None:
        """Follow until `stop`."""
        stopping = asyncio.create_task(stop.wait(), name=f"stop {self.kind.plural}")
        try:
            while not stop.is_set():
                following = asyncio.create_task(self._follow(), name=f"follow {self.kind.plural}")
                try:
                    await asyncio.wait({following, stopping}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    following.cancel()
                    await asyncio.wait({following})
                if not following.cancelled():
                    await self._pause(following.result(), stopping)
        finally:
            stopping.cancel()

    async def once(self) -> None:
        """List everything once. Raises ApiError."""
        await self._list()

    async def _follow(self) -> float:
        """List if need be, then watch until the stream ends. Returns seconds to wait before the next try."""
        try:
            if not self.state.synced:
                await self._list()
            await self._watch({"resourceVersion": self.state.version})
        except errors.GoneError:
            self.state.forget_version()
            return self._backoff.delay()
        except (errors.MissingError, errors.DeniedError, errors.UnauthorizedError) as error:
            self._complain(str(error))
            return self._settings.denied_retry
        except errors.ThrottledError as error:
            _logger.info("waiting: %s", error)
            return self._backoff.delay(error.retry_after)
        except errors.ApiError as error:
            _logger.warning("%s", error)
            return self._backoff.delay()
        return 0.0

    async def _pause(self, seconds: float, stopping: "asyncio.Task[Any]") -> None:
        if seconds:
            await asyncio.wait({stopping}, timeout=seconds)

    def _complain(self, trouble: str) -> None:
        if trouble != self.trouble:
            _logger.warning("cannot watch %s: %s", self.kind.plural, trouble)
            self.trouble = trouble
            self._changed()

    async def _list(self) -> None:
        self.state.begin_list()
        if self._streams_lists:
            try:
                await self._watch(
                    {
                        "sendInitialEvents": "true",
                        "resourceVersionMatch": "NotOlderThan",
                        "resourceVersion": "",
                    },
                    until_listed=True,
                )
            except errors.UnsupportedError:
                self._streams_lists = False
            else:
                return
        await self._list_pages()

    async def _list_pages(self) -> None:
        parameters = {"limit": str(self._settings.page_size)}
        while True:
            try:
                page = decode(await self._api.get(self._path, parameters), self._path)
            except errors.GoneError:
                # the continue token is too old for this server: all at once, as client-go does
                self.state.begin_list()
                page = decode(await self._api.get(self._path), self._path)
            items, metadata = self._items(page)
            await self._handler.apply(self.kind, self.state, items)
            token = metadata.get("continue")
            if not token:
                await self._end_list(str(metadata.get("resourceVersion") or ""))
                return
            parameters = {**parameters, "continue": str(token)}

    def _items(self, page: Any) -> tuple[list[Object], dict[str, Any]]:
        """Objects of a list; they do not name their kind themselves."""
        items = page.get("items") if isinstance(page, dict) else None
        metadata = page.get("metadata") if isinstance(page, dict) else None
        if not isinstance(metadata, dict) or not isinstance(items, list | None):
            raise errors.UnreachableError(f"{self._path}: expected a list, got something else")
        typed = {"apiVersion": self.kind.api_version, "kind": self.kind.kind}
        return [{**typed, **item} for item in items or () if isinstance(item, dict)], metadata

    async def _end_list(self, version: str) -> None:
        if not version:
            raise errors.UnreachableError(f"{self._path}: a list without a resourceVersion")
        gone = self.state.end_list(version)
        await self._handler.remove(self.kind, gone)
        self.trouble = ""
        self._backoff.reset()
        self._changed()

    async def _watch(self, parameters: dict[str, str], *, until_listed: bool = False) -> None:
        """Take events until the stream ends; of a streamed list, until the list is complete."""
        parameters = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(_WATCH_SECONDS),
            **parameters,
        }
        lines = Lines()
        async with self._api.stream(self._path, parameters) as chunks:
            async for chunk in chunks:
                batch: list[Object] = []
                for line in lines.feed(chunk):
                    event = decode(line, self._path)
                    if _is_bookmark(event):
                        await self._flush(batch)
                        if await self._bookmark(event["object"]) and until_listed:
                            return
                    else:
                        await self._take(event, batch)
                await self._flush(batch)
        if until_listed:
            raise errors.UnreachableError(f"{self._path}: the list ended before it was complete")

    async def _bookmark(self, body: Object) -> bool:
        """Take a bookmark; whether it is the end of a streamed list."""
        metadata = body.get("metadata")
        metadata = metadata if isinstance(metadata, dict) else {}
        version = str(metadata.get("resourceVersion") or "")
        if (metadata.get("annotations") or {}).get(_INITIAL_EVENTS_END) == "true":
            await self._end_list(version)
            return True
        self.state.reached(version)
        self._backoff.reset()
        return False

    async def _take(self, event: Any, batch: list[Object]) -> None:
        """Take one event: objects wait in the batch, so that many are published at once."""
        body = event.get("object") if isinstance(event, dict) else None
        if not isinstance(body, dict):
            raise errors.UnreachableError(f"{self._path}: an event without an object")
        match event.get("type"):
            case "ADDED" | "MODIFIED":
                batch.append(body)
            case "DELETED":
                await self._flush(batch)
                metadata = body.get("metadata") or {}
                if self.state.deleted(str(metadata.get("uid"))):
                    await self._handler.remove(self.kind, [str(metadata.get("uid"))])
                self.state.reached(str(metadata.get("resourceVersion") or ""))
            case "ERROR":
                code = body.get("code")
                raise refusal(code if isinstance(code, int) else 500, f"{self._path}: {body.get('message')}")
            case other:
                raise errors.UnreachableError(f"{self._path}: an event of the unknown type {other!r}")

    async def _flush(self, batch: list[Object]) -> None:
        """Publish what waits; only then is its version reached."""
        if batch:
            await self._handler.apply(self.kind, self.state, batch)
            self.state.reached(str((batch[-1].get("metadata") or {}).get("resourceVersion") or ""))
            self._backoff.reset()
            batch.clear()


def _is_bookmark(event: Any) -> bool:
    return (
        isinstance(event, dict) and event.get("type") == "BOOKMARK" and isinstance(event.get("object"), dict)
    )

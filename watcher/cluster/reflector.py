"""One kind of one cluster, followed: list, watch from there, list again when the server has forgotten.

Follows the Kubernetes API concepts. The list is streamed (sendInitialEvents) where the
server offers it, else paged. Whatever goes wrong is waited out with a jittered back-off;
what the cluster does not have or does not let us read is reported, and tried again later.

A list is what counts (it is a consistent read), a watch is trusted as long as it keeps its
promises: where its versions go backwards, or it says what makes no sense, everything is
listed again. So nothing old overwrites anything newer, and nothing is skipped.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from pipeline.settings import ClusterSettings
from watcher.backoff import Backoff
from watcher.cluster import errors
from watcher.cluster.api import ApiServer, decode
from watcher.cluster.batch import Batch, Bookmark, Deleted
from watcher.cluster.counts import Counts
from watcher.cluster.discovery import is_served
from watcher.cluster.kinds import ServedKind
from watcher.cluster.lines import Lines
from watcher.cluster.liststate import ListState

_logger = logging.getLogger(__name__)
_WATCH_SECONDS = 300
"""After which the server shall end a watch; a new one spreads load over its replicas."""
_LASTING = 5.0
"""Seconds that a watch has to hold before the next may follow at once: it was worth its request."""
_MOST_FAILURES = 3
"""Lists in a row that the server fails to answer before others no longer wait for this kind."""

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
    """Follows one kind until told to stop. `changed` is called when it is synced or denied, or no longer.

    `name`: of the one object that is wanted; who may read no other may be asked so, too.
    """

    def __init__(
        self,
        api: ApiServer,
        kind: ServedKind,
        namespace: str,
        handler: Handler,
        settings: ClusterSettings,
        changed: Callable[[], None],
        selector: str = "",
        name: str = "",
        counts: Counts | None = None,
    ) -> None:
        self.kind = kind
        self.namespace = namespace
        self.state = ListState()
        self.trouble = ""
        """Why this kind cannot be read; empty while it can."""
        self._api = api
        self._path = kind.path(namespace)
        self._handler = handler
        self._settings = settings
        self._changed = changed
        self._selecting = {"labelSelector": selector} if selector else {}
        if name:
            self._selecting["fieldSelector"] = f"metadata.name={name}"
        self._handling = asyncio.Lock()
        self._following: asyncio.Task[float] | None = None
        self._counts = counts or Counts()
        self._streams_lists = True
        self._failures = 0
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
                self._following = following
                try:
                    await asyncio.wait({following, stopping}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    following.cancel()
                    await asyncio.wait({following})
                if not following.cancelled():
                    await self._pause(following.result(), stopping)
        finally:
            stopping.cancel()

    async def list_again(self) -> None:
        """What is known is to be compared with the server anew; what is being handled is handled first."""
        async with self._handling:
            self.state.forget_version()
            if self._following is not None:
                self._following.cancel()

    async def once(self) -> None:
        """List everything once. Raises ApiError."""
        await self._list()

    async def _follow(self) -> float:
        """List if need be, then watch until the stream ends. Returns seconds to wait before the next try."""
        clock = asyncio.get_running_loop().time
        began, failed, at_least = float("inf"), True, 0.0
        try:
            if not self.state.synced:
                await self._list()
            began = clock()
            await self._watch({"resourceVersion": self.state.version})
            failed = False
        except (errors.GoneError, errors.GarbledError) as error:
            self._counts.expired[self.kind.plural] += isinstance(error, errors.GoneError)
            _logger.info("listing again: %s", error)
            self.state.forget_version()
            self._count_failure(error)
        except (errors.MissingError, errors.DeniedError, errors.UnauthorizedError) as error:
            if isinstance(error, errors.MissingError):
                await self._withdraw_if_not_served()
            self._complain(str(error))
            return self._settings.denied_retry
        except errors.ThrottledError as error:
            _logger.info("waiting: %s", error)
            self._count_failure(error)
            at_least = error.retry_after
        except errors.ApiError as error:
            _logger.warning("%s", error)
            if isinstance(error, errors.FailingError):
                self._count_failure(error)
        if clock() - began >= _LASTING:
            self._backoff.reset()
            if not failed:
                return 0.0
        return self._backoff.delay(at_least)

    async def _withdraw_if_not_served(self) -> None:
        """With a kind that is deleted from a cluster (its CRD) all its objects are."""
        if self.state.known and not await is_served(self._api, self.kind):
            _logger.warning("%s: the cluster has no such kind any more", self.kind.plural)
            async with self._handling:
                await self._handler.remove(self.kind, self.state.lost())

    def _count_failure(self, error: errors.ApiError) -> None:
        """A kind that the server fails to list, again and again, is trouble, too."""
        self._failures += 1
        if self._failures >= _MOST_FAILURES and not self.state.synced:
            self._complain(str(error))

    def _works(self) -> None:
        """The server answers for this kind."""
        self._failures = 0
        if self.trouble:
            self.trouble = ""
            self._counts.troubles.pop(self.kind.plural, None)
            self._changed()

    async def _pause(self, seconds: float, stopping: "asyncio.Task[Any]") -> None:
        if seconds:
            await asyncio.wait({stopping}, timeout=seconds)

    def _complain(self, trouble: str) -> None:
        if trouble != self.trouble:
            _logger.warning("cannot watch %s: %s", self.kind.plural, trouble)
            self.trouble = self._counts.troubles[self.kind.plural] = trouble
            self._changed()

    async def _list(self) -> None:
        self._counts.lists[self.kind.plural] += 1
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
            except errors.GarbledError as error:
                _logger.info("listing in pages: %s", error)
            else:
                return
            self.state.begin_list()
        await self._list_pages()

    async def _list_pages(self) -> None:
        parameters = {"limit": str(self._settings.page_size), **self._selecting}
        while True:
            try:
                page = decode(await self._api.get(self._path, parameters), self._path)
            except errors.GoneError:
                # the continue token is too old for this server: all at once, as client-go does
                self.state.begin_list()
                page = decode(await self._api.get(self._path, self._selecting), self._path)
            items, metadata = self._items(page)
            async with self._handling:
                await self._handler.apply(self.kind, self.state, items)
            token = metadata.get("continue")
            if not token:
                await self._end_list(str(metadata.get("resourceVersion") or ""))
                return
            if token == parameters.get("continue"):
                raise errors.GarbledError(f"{self._path}: a page that goes on with itself")
            parameters = {**parameters, "continue": str(token)}

    def _items(self, page: Any) -> tuple[list[Object], dict[str, Any]]:
        """Objects of a list; they do not name their kind themselves."""
        items = page.get("items") if isinstance(page, dict) else None
        metadata = page.get("metadata") if isinstance(page, dict) else None
        if not isinstance(metadata, dict) or not isinstance(items, list | None):
            raise errors.GarbledError(f"{self._path}: expected a list, got something else")
        typed = {"apiVersion": self.kind.api_version, "kind": self.kind.kind}
        return [{**typed, **item} for item in items or () if isinstance(item, dict)], metadata

    async def _end_list(self, version: str) -> None:
        if not version:
            raise errors.GarbledError(f"{self._path}: a list without a resourceVersion")
        async with self._handling:
            gone = self.state.end_list(version)
            await self._handler.remove(self.kind, gone)
        self._works()
        self._changed()

    async def _watch(self, parameters: dict[str, str], *, until_listed: bool = False) -> None:
        """Take events until the stream ends; of a streamed list, until the list is complete."""
        parameters = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(_WATCH_SECONDS),
            **self._selecting,
            **parameters,
        }
        lines, batch = Lines(), Batch(self._path, self.state.version)
        async with self._api.stream(self._path, parameters) as chunks:
            if not until_listed:
                self._counts.streams[self.kind.plural] += 1
                self._works()
            async for chunk in chunks:
                try:
                    for line in lines.feed(chunk):
                        if await self._take(batch, decode(line, self._path)) and until_listed:
                            return
                except errors.ApiError:
                    await self._flush(batch)  # what was good before something that is not
                    raise
                await self._flush(batch)
        if until_listed:
            raise errors.GarbledError(f"{self._path}: the list ended before it was complete")

    async def _take(self, batch: Batch, event: Any) -> bool:
        """Take one event; whether it is the end of a streamed list."""
        match batch.add(event):
            case Deleted(uid):
                await self._flush(batch)
                async with self._handling:
                    if self.state.deleted(uid):
                        await self._handler.remove(self.kind, [uid])
            case Bookmark(version, ends_list=True):
                await self._flush(batch)
                await self._end_list(version)
                return True
            case _:
                pass
        return False

    async def _flush(self, batch: Batch) -> None:
        """Publish what waits; only then is its version reached."""
        objects = batch.take()
        if objects:
            async with self._handling:
                await self._handler.apply(self.kind, self.state, objects)
        self.state.reached(batch.version)

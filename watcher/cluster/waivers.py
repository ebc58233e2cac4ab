"""A cluster's waivers on the log: ConfigMaps of one namespace, with a label, whose values are their text.

One namespace, which an operator names: else whoever may write a ConfigMap somewhere could waive
what is found there.
"""

import io
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.bus import Publisher
from pipeline.settings import ClusterSettings, SourceSettings
from watcher.app import Clock
from watcher.cluster.failures import WAIVERS
from watcher.cluster.kinds import ServedKind
from watcher.cluster.liststate import ListState
from watcher.config_maps import ConfigMap, config_map_of
from watcher.records import Failure
from watcher.splitting import split
from watcher.waivers.board import Board
from watcher.waivers.files import limits_of
from watcher.waivers.reading import FoundWaiver, read_document

SELECTOR = "tocsin.dev/waivers=true"


class WaiverMaps:
    """See `watcher.cluster.reflector.Handler`.

    `known`: key -> place of what an earlier run told, `failures`: keys of what it could not read.
    """

    def __init__(
        self,
        cluster: str,
        publisher: Publisher,
        settings: ClusterSettings,
        clock: Clock,
        known: Mapping[str, str],
        failures: frozenset[str] = frozenset(),
    ) -> None:
        self._publisher = publisher
        self._settings = SourceSettings(
            cluster=cluster,
            namespace="",
            max_document_bytes=settings.texts.limit,
            waiver_days=settings.waiver_days,
        )
        self._clock = clock
        self._board = Board(cluster, known, failures)
        self._place_of: dict[str, str] = {}
        """By uid."""

    async def apply(
        self,
        kind: ServedKind,  # noqa: ARG002 - as in Handler
        state: ListState,
        objects: Sequence[dict[str, Any]],
    ) -> None:
        """See `Handler`. While a list goes on, nobody can say what is gone: it is told at its end."""
        for body in objects:
            config_map = config_map_of(body)
            if config_map is None:
                continue
            uid, version = (str(body["metadata"].get(name)) for name in ("uid", "resourceVersion"))
            if state.applied(uid, version):
                place = self._place_of[uid] = place_of(config_map)
                self._board.put(place, *self._read(place, config_map))
        if state.synced:
            await self._publish()

    async def remove(self, kind: ServedKind, uids: Sequence[str]) -> None:  # noqa: ARG002 - as in Handler
        """See `Handler`; called at the end of each list, too."""
        for uid in uids:
            place = self._place_of.pop(uid, None)
            if place is not None and place not in self._place_of.values():  # else made again
                self._board.drop(place)
        await self._publish()

    async def _publish(self) -> None:
        records, _ = self._board.settle(sorted(self._place_of.values()), frozenset(), (), self._clock())
        if records:
            await self._publisher.publish(records)

    def _read(self, place: str, config_map: ConfigMap) -> tuple[list[FoundWaiver], list[Failure]]:
        limits = limits_of(self._settings, self._clock)
        waivers: list[FoundWaiver] = []
        failures: list[Failure] = []
        for key, text in sorted(config_map.data.items()):
            stream = io.BufferedReader(io.BytesIO(str(text).encode()))
            for part in split(stream, self._settings.max_document_bytes):
                for found in read_document(part, place, part.place, self._settings, limits):
                    if isinstance(found, FoundWaiver):
                        waivers.append(found)
                    else:
                        failures.append(Failure(f"{place}[{key}]", found.message, found.place))
        return waivers, failures


def place_of(config_map: ConfigMap) -> str:
    """What messages and rows call it."""
    return f"{WAIVERS}{config_map.namespace}/{config_map.name}"

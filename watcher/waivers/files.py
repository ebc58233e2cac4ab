"""The waivers of some paths, kept equal on the log to what is on disk; one look is a scan's."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta

from pipeline.bus import Publisher
from pipeline.settings import SourceSettings
from watcher.app import Clock, path_failures
from watcher.manifests import ManifestFile
from watcher.reading import EndOfFile
from watcher.records import Failure
from watcher.snapshot import Snapshot, is_below
from watcher.summary import Tally
from watcher.waivers.board import Board
from watcher.waivers.document import Limits
from watcher.waivers.reading import FoundWaiver, read_files


class FollowedWaivers:
    """`known`: key -> file of what an earlier run published, `failures`: keys of what it could not read.

    `once`: for a scan, which tells who named a path that it cannot be read, and leaves nothing of that.
    """

    def __init__(
        self,
        paths: Sequence[str],
        publisher: Publisher,
        settings: SourceSettings,
        clock: Clock,
        known: Mapping[str, str],
        failures: Sequence[str] = (),
        *,
        once: bool = False,
    ) -> None:
        self._publisher = publisher
        self._settings = settings
        self._clock = clock
        self._once = once
        self._unread: set[str] = set()
        self._snapshot = Snapshot(paths)
        self._board = Board(settings.cluster, known, failures)

    @property
    def failing(self) -> frozenset[str]:
        """Keys of the failures on the log."""
        return self._board.failing

    async def refresh(self, stop: asyncio.Event, tally: Tally) -> None:
        """Look at the disk, publish what is different. At `stop` the rest is left for the next run."""
        difference = await asyncio.to_thread(self._snapshot.look, self._board.sources)
        if difference.due:
            await asyncio.to_thread(self._read, difference.due, tally)
        if stop.is_set():
            return
        for file in difference.gone:
            self._board.drop(file)
        order = [file.name for file in difference.listing.files]
        shielded = (*difference.shielded, *self._unread)
        hidden = frozenset(file for file in self._board.sources if is_below(file, shielded))
        failures = path_failures(difference.listing, tally)
        if self._once:
            failures = tally.to_tell(failures)
        records, repeated = self._board.settle(order, hidden, failures, self._clock())
        tally.failures += repeated
        if records:
            await self._publisher.publish(records)

    def _read(self, files: Sequence[ManifestFile], tally: Tally) -> None:
        limits = limits_of(self._settings, self._clock)
        waivers: list[FoundWaiver] = []
        failures: list[Failure] = []
        for found in read_files(files, self._settings, limits):
            match found:
                case FoundWaiver():
                    waivers.append(found)
                case Failure():
                    tally.failures += 1
                    failures.append(found)
                case EndOfFile(file=file, problem=problem):
                    if problem is not None:
                        tally.path_problem(problem)
                        if self._once and problem.named:
                            self._unread.add(file)
                            continue
                        failures.append(Failure.of_path(problem))
                    self._board.put(file, waivers, failures)
                    waivers, failures = [], []


def limits_of(settings: SourceSettings, clock: Clock) -> Limits:
    """What waivers that are read now have to keep to."""
    days = settings.waiver_days
    return Limits(clock(), timedelta(days=days) if days else None)

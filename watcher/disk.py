"""Says when something may have changed on disk: notices by the operating system, and a look now and then.

Notices alone are not enough: a folder that is deleted takes its watch with it,
network file systems send none, and a link's target is elsewhere. So the parents
of the named paths are watched, too, a folder that comes back is watched anew,
and after `recheck` seconds without notice it is time to look anyway.
"""

import asyncio
import contextlib
import os
from collections.abc import AsyncGenerator, Sequence

from watchfiles import awatch

from watcher.manifests import STDIN

_DEBOUNCE = 200
_STEP = 50
"""Milliseconds: one save is several notices; they are taken together."""

_Watched = tuple[tuple[str, int, int], ...]


async def changes(paths: Sequence[str], stop: asyncio.Event, recheck: float) -> AsyncGenerator[None]:
    """Yield whenever it is time to look, the first time once the watch is in place, until `stop`.

    Close it (`contextlib.aclosing`) when leaving early: it owns tasks.
    """
    while not stop.is_set():
        folders, parents = _targets(paths)
        dirty, halt = asyncio.Event(), asyncio.Event()
        tasks = [
            asyncio.create_task(_watch(targets, recursive, dirty, halt), name=f"watch {kind}")
            for targets, recursive, kind in ((folders, True, "folders"), (parents, False, "parents"))
            if targets
        ]
        try:
            await asyncio.sleep(0)  # the tasks run as far as their watch is in place
            yield
            while not stop.is_set() and (folders, parents) == _targets(paths):
                await _either(dirty, stop, recheck)
                dirty.clear()
                if not stop.is_set():
                    yield
        finally:
            halt.set()
            await asyncio.gather(*tasks)


async def _watch(targets: _Watched, recursive: bool, dirty: asyncio.Event, halt: asyncio.Event) -> None:
    """Set `dirty` at each notice. Where the system gives none, looking now and then has to do."""
    with contextlib.suppress(OSError, RuntimeError):
        async for _ in awatch(
            *(path for path, _, _ in targets),
            watch_filter=None,
            debounce=_DEBOUNCE,
            step=_STEP,
            stop_event=halt,
            recursive=recursive,
            ignore_permission_denied=True,
        ):
            dirty.set()


async def _either(dirty: asyncio.Event, stop: asyncio.Event, patience: float) -> None:
    """Wait for one of the events, at most `patience` seconds."""
    waiting = [asyncio.ensure_future(event.wait()) for event in (dirty, stop)]
    try:
        await asyncio.wait(waiting, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting)


def _targets(paths: Sequence[str]) -> tuple[_Watched, _Watched]:
    """The named folders, and the folders above the named paths, each with what identifies it now."""
    folders: dict[str, None] = {}
    parents: dict[str, None] = {}
    for path in paths:
        if path == STDIN:
            continue
        if os.path.isdir(path):  # noqa: PTH112 - paths are text here
            folders[path] = None
        parents[_parent(path)] = None
    return _identified(folders), _identified(parents)


def _parent(path: str) -> str:
    """The nearest folder above a path that is there."""
    parent = os.path.dirname(os.path.abspath(path))  # noqa: PTH100, PTH120 - paths are text here
    while not os.path.isdir(parent) and parent != os.path.dirname(parent):  # noqa: PTH112, PTH120
        parent = os.path.dirname(parent)  # noqa: PTH120
    return parent


def _identified(paths: dict[str, None]) -> _Watched:
    found: list[tuple[str, int, int]] = []
    for path in paths:
        with contextlib.suppress(OSError):
            status = os.stat(path)  # noqa: PTH116 - see above
            found.append((path, status.st_dev, status.st_ino))
    return tuple(found)

"""A Tocsin that loses what it is told to lose, so that the fault suite is seen to notice.

`python -m tests.faults.lossy deletion|event|tombstone ARGUMENTS OF TOCSIN`.
"""

import sys
from collections.abc import Sequence
from typing import Any

from cli.main import app
from pipeline.bus import Record
from pipeline.events import Topic
from watcher.cluster.kinds import ServedKind
from watcher.cluster.liststate import ListState
from watcher.cluster.mirror import Mirror

_apply, _remove, _publish = Mirror.apply, Mirror.remove, Mirror._publish


async def _lose_events(self: Mirror, kind: ServedKind, state: ListState, objects: Sequence[Any]) -> None:
    """What a watch says of Deployments, which are deleted at once; a list is heard."""
    await _apply(self, kind, state, [] if kind.kind == "Deployment" and state.synced else objects)


async def _lose_deletions(self: Mirror, kind: ServedKind, uids: Sequence[str]) -> None:
    await _remove(self, kind, [] if kind.kind == "Deployment" else uids)


async def _lose_tombstones(self: Mirror, records: Sequence[Record]) -> None:
    await _publish(self, [each for each in records if each.event or each.topic is not Topic.RESOURCES])


def run(loses: str) -> None:
    """Run the command line, and lose that."""
    match loses:
        case "event":
            Mirror.apply = _lose_events  # type: ignore[method-assign]
        case "deletion":
            Mirror.remove = _lose_deletions  # type: ignore[method-assign]
        case _:
            Mirror._publish = _lose_tombstones  # type: ignore[method-assign]
    app()


if __name__ == "__main__":
    run(sys.argv.pop(1))

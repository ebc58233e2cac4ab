"""The waivers of some paths to the log, once: what `tocsin scan` needs."""

import asyncio
from collections.abc import Sequence

from pipeline.bus import Publisher
from pipeline.settings import SourceSettings
from watcher.app import Clock
from watcher.known import Known, Remainders
from watcher.manifests import plain_path
from watcher.snapshot import is_below
from watcher.summary import Summary, Tally
from watcher.waivers.files import FollowedWaivers


async def publish_waivers(
    paths: Sequence[str],
    publisher: Publisher,
    settings: SourceSettings,
    clock: Clock,
    stop: asyncio.Event,
    known: Known | None = None,
    left: Remainders | None = None,
) -> Summary:
    """Publish what is at these paths. What is `known` of them and is not there any more is gone."""
    known = known or Known()
    places = [plain_path(path) for path in paths]
    failures = [key for key, file in known.failures.items() if is_below(file, places)]
    mine = {key: file for key, file in known.waivers.items() if is_below(file, places)}
    waivers = FollowedWaivers(paths, publisher, settings, clock, mine, failures, once=True)
    tally = Tally()
    await waivers.refresh(stop, tally)
    if left is not None:
        for key in waivers.failing:
            left.failures.found(key)
    return tally.summary()

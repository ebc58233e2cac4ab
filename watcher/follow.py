"""Manifests to the log, and then every change of them: what `tocsin run --manifests` needs.

After each look at the disk the log says what the disk says: new and changed
objects as events, deleted ones as tombstones, problems on the dead letters, and
a tombstone there once they are mended. A file that cannot be read in full keeps
its last good objects.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing

from pipeline.bus import Publisher
from pipeline.events import Topic
from pipeline.settings import SourceSettings
from watcher.app import Clock
from watcher.disk import changes
from watcher.followed_policies import FollowedPolicies
from watcher.followed_resources import FollowedResources
from watcher.known import Known
from watcher.records import tombstone
from watcher.summary import Summary, Tally
from watcher.waivers.files import FollowedWaivers

RECHECK = 10.0
"""Seconds after which to look without a notice; a look at 10,000 files takes some 0.1 s."""


async def follow(
    manifest_paths: Sequence[str],
    policy_paths: Sequence[str],
    publisher: Publisher,
    settings: SourceSettings,
    clock: Clock,
    stop: asyncio.Event,
    known: Known | None = None,
    listed: Callable[[Summary], None] | None = None,
    recheck: float = RECHECK,
    waiver_paths: Sequence[str] = (),
) -> None:
    """Publish what is at these paths, waivers and policies first, then follow them until `stop`.

    What `known` names and is not there any more gets its tombstone in the first
    listing. `listed` is called after each look at the disk with what that look
    read; the first one read everything.
    """
    known = known or Known()
    waivers = FollowedWaivers(waiver_paths, publisher, settings, clock, known.waivers)
    policies = FollowedPolicies(policy_paths, publisher, settings, clock, known.policies)
    resources = FollowedResources(manifest_paths, publisher, settings, clock, known.resources)
    unmended = set(known.failures)
    async with aclosing(changes([*waiver_paths, *policy_paths, *manifest_paths], stop, recheck)) as looks:
        async for _ in looks:
            tally = Tally()
            await waivers.refresh(stop, tally)
            await policies.refresh(stop, tally)
            await resources.refresh(stop, tally)
            if unmended and not stop.is_set():
                mended = sorted(unmended - waivers.failing - policies.failing - resources.failing)
                await publisher.publish([tombstone(Topic.DEADLETTERS, key) for key in mended])
                unmended.clear()
            if listed is not None:
                listed(tally.summary())

"""The watcher alone, as `benchmarks.watcher` measures it: a cluster to a log that only counts.

`python -m benchmarks.watched KUBECONFIG CONTEXT` follows until SIGTERM; a line of JSON when
everything was listed, another one at the end.
"""

import asyncio
import json
import resource
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pipeline.bus import Record
from pipeline.events import ResourceApplied, Topic
from pipeline.service import stop_on_signals
from pipeline.settings import load_settings
from watcher.cluster.api import ApiServer
from watcher.cluster.app import Listing, follow

STAMP = "changed-at"
"""Annotation with the time of a change, seconds since the epoch, whose way to the log is timed."""


@dataclass
class Counting:
    """A log that keeps nothing. `latencies`: seconds from a stamped change to its event."""

    events: int = 0
    latencies: list[float] = field(default_factory=list)

    async def publish(self, records: Sequence[Record]) -> None:
        """Count them."""
        now = time.time()
        self.events += len(records)
        for record in records:
            if record.event is not None and isinstance(record.event.data, ResourceApplied):
                stamp = record.event.data.object["metadata"].get("annotations", {}).get(STAMP)
                if stamp is not None:
                    self.latencies.append(now - float(stamp))

    async def seal(self, topic: Topic) -> None:
        """Nobody reads it."""


async def run(kubeconfig: str, context: str) -> None:
    """Follow, and say what it took."""
    settings = load_settings(kubeconfig=kubeconfig, context=context).api_server
    stop, log, began = asyncio.Event(), Counting(), time.perf_counter()
    async with ApiServer.connect(settings) as api:

        def say(_: Listing | None) -> None:
            usage = resource.getrusage(resource.RUSAGE_SELF)
            figures = {
                "seconds": time.perf_counter() - began,
                "cpu": usage.ru_utime + usage.ru_stime,
                "peak": usage.ru_maxrss * 1024,
                "events": log.events,
                "requests": api.requests,
                "latencies": log.latencies,
            }
            sys.stdout.write(json.dumps(figures) + "\n")
            sys.stdout.flush()

        with stop_on_signals(stop):
            await follow(
                api, "bench", log, settings, lambda: datetime.now(UTC), stop, policies=False, listed=say
            )
        say(None)


if __name__ == "__main__":
    asyncio.run(run(*sys.argv[1:]))

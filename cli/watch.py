"""`tocsin watch`: the watcher as a service on Kafka."""

import asyncio
from collections.abc import Callable

from cli.cluster import as_only_one, follow_cluster
from cli.run import RunOptions, follow_manifests, followed, say_first_look
from cli.services import serve
from cli.talk import say
from cli.telemetry import Telemetry
from cli.wire import waiver_paths
from pipeline.errors import ExitCode
from pipeline.events import Topic
from pipeline.kafka.bus import KafkaBus
from pipeline.kafka.reading import read_latest
from pipeline.settings import KafkaSettings, load_settings
from pipeline.telemetry.health import LISTED
from watcher.earlier import EarlierOnLog, Unrepeated, key_prefix


async def watch(
    options: RunOptions, *, kafka: str | None, namespace: str | None, cluster: str | None
) -> ExitCode:
    """Follow manifests or a cluster until told to stop. Raises LogError and UsageError."""
    settings = load_settings(kafka_bootstrap=kafka, namespace=namespace, cluster=cluster)
    settings, policies = followed(options, settings, namespace)
    waivers = waiver_paths(options.waivers, settings)
    log = settings.kafka

    async def work(stop: asyncio.Event, going: Callable[[], None], telemetry: Telemetry) -> None:
        async with KafkaBus.connect(log) as kafka_bus:
            bus = telemetry.bus(kafka_bus)

            async def follow() -> None:
                telemetry.health.waits_for(LISTED, "nothing was listed yet")
                earlier = await _earlier(log, settings.cluster)
                news = Unrepeated(bus, earlier)

                def listed() -> None:
                    if news.passed_over:
                        say(f"{news.passed_over} of them are on the log as they are")

                if options.manifests:
                    look = say_first_look(telemetry, policies, listed)
                    await follow_manifests(
                        options.manifests, policies, waivers, settings, news, stop, earlier, look
                    )
                else:
                    await follow_cluster(settings, policies, waivers, news, stop, earlier, telemetry, listed)

            going()
            await (follow() if options.manifests else as_only_one(settings, follow, stop))

    what = ", ".join(options.manifests) or f"cluster {settings.cluster}"
    return await serve("watch", f"publishing {what} to {log.bootstrap}", work, settings)


async def _earlier(log: KafkaSettings, cluster: str) -> EarlierOnLog:
    """What is on the log: what is gone meanwhile gets its tombstone, what is the same is not told again."""
    earlier = EarlierOnLog(cluster)
    for topic in (Topic.RESOURCES, Topic.POLICIES, Topic.DEADLETTERS):
        await read_latest(log, topic, earlier.take, key_prefix(cluster))
    return earlier

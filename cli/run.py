"""`tocsin run`: the whole pipeline in one process, continuously."""

import asyncio
import sys
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial

from cli.cluster import as_only_one, follow_cluster, for_cluster
from cli.delivering import subscribers_of
from cli.embedded_deliveries import EmbeddedDeliveries
from cli.event_stream import TOPICS as STREAMED
from cli.event_stream import EventStream
from cli.render.text import counted
from cli.ring import TOPICS as RUNG
from cli.ring import Ring
from cli.talk import say
from cli.telemetry import Telemetry, telling
from cli.wire import Earlier, Embedded, known_to, now, policy_paths, store_for, waiver_paths
from deliverer.subscriber import Subscriber
from pipeline.bus import Publisher
from pipeline.errors import ExitCode, UsageError
from pipeline.events import Topic
from pipeline.service import run_parts, stop_on_signals
from pipeline.settings import Settings, load_settings
from pipeline.settings_types import EngineChoice, LogFormat
from pipeline.telemetry.health import LISTED
from sink.database import parse_url, shown
from watcher.cluster.api import in_pod
from watcher.follow import follow
from watcher.summary import Summary


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What the command line says beyond settings. `context`: a cluster's; None where none is named."""

    manifests: tuple[str, ...]
    context: str | None
    policies: tuple[str, ...]
    waivers: tuple[str, ...] = ()


async def run_pipeline(
    options: RunOptions,
    *,
    namespace: str | None,
    cluster: str | None,
    db: str | None,
    engine: EngineChoice | None,
    subscribers: str | None = None,
) -> ExitCode:
    """Follow manifests or a cluster until SIGINT or SIGTERM; then drain and return."""
    settings = load_settings(
        namespace=namespace, cluster=cluster, db=db, engine=engine, subscribers=subscribers
    )
    settings, policies = followed(options, settings, namespace)
    everybody = subscribers_of(settings) if settings.subscribers else ()
    work = partial(_run, options.manifests, policies, waiver_paths(options.waivers, settings), settings)
    stop = asyncio.Event()
    async with telling(settings, "run", LogFormat.TEXT) as telemetry:
        with stop_on_signals(stop):
            if options.manifests:
                await work(stop, telemetry, everybody)
            else:
                await as_only_one(settings, lambda: work(stop, telemetry, everybody), stop)
    return ExitCode.OK


def followed(
    options: RunOptions, settings: Settings, namespace: str | None
) -> tuple[Settings, tuple[str, ...]]:
    """Settings for what is to be followed, and the policies to judge it by. Raises UsageError."""
    if options.manifests and options.context:
        raise UsageError("--manifests and --context: one run follows one of them")
    if not options.manifests:
        if not (options.context or settings.context or in_pod()):
            raise UsageError("nothing to follow: name a folder with --manifests, or a cluster with --context")
        settings = for_cluster(settings, options.context, namespace)
    # a cluster has policies of its own
    policies = policy_paths(options.policies) if options.policies or options.manifests else ()
    return settings, policies


async def _run(
    manifests: tuple[str, ...],
    policies: tuple[str, ...],
    waivers: tuple[str, ...],
    settings: Settings,
    stop: asyncio.Event,
    telemetry: Telemetry,
    everybody: Sequence[Subscriber],
) -> None:
    telemetry.health.waits_for(LISTED, "nothing was listed yet")
    deliveries = EmbeddedDeliveries(settings, telemetry, everybody) if everybody else None
    async with AsyncExitStack() as stack:
        store = await store_for(settings, stack, deliveries.wake if deliveries else None)
        if deliveries:  # known before anything is published, so that they miss nothing
            await stack.enter_async_context(deliveries.opened())
        embedded = await stack.enter_async_context(
            Embedded.start(settings, store, of_cluster=not manifests, telemetry=telemetry)
        )
        bus, stream = embedded.bus, EventStream()
        streamed = await stack.enter_async_context(bus.consume("events", STREAMED))
        rung = await stack.enter_async_context(bus.consume("ring", RUNG))
        bell = Ring(sys.stdout, None if telemetry.narrates else sys.stderr, embedded.ringing)
        await stack.enter_async_context(stream.listening(settings.events_socket))

        async def source(stop: asyncio.Event) -> None:
            try:
                if manifests:
                    listed = say_first_look(telemetry, policies)
                    await follow_manifests(manifests, policies, waivers, settings, bus, stop, store, listed)
                else:
                    await follow_cluster(settings, policies, waivers, bus, stop, store, telemetry)
            finally:
                for topic in (Topic.POLICIES, Topic.RESOURCES, Topic.DEADLETTERS):
                    await bus.seal(topic)

        say(f"following {', '.join(manifests) or f'cluster {settings.cluster}'}; Ctrl-C ends it")
        say(f"  violations: tocsin violations list{_db_option(settings)}")
        say("  events:     tocsin events tail")
        if deliveries:
            say(f"  delivering: {deliveries.told}")
        parts = {
            "source": source,
            "events": lambda _: stream.serve(streamed),
            "ring": lambda _: bell.ring(rung),
            **embedded.parts,
            **(deliveries.parts if deliveries else {}),
        }
        await run_parts(telemetry.health.watching(parts), stop, settings.grace)


async def follow_manifests(
    manifests: tuple[str, ...],
    policies: tuple[str, ...],
    waivers: tuple[str, ...],
    settings: Settings,
    bus: Publisher,
    stop: asyncio.Event,
    store: Earlier,
    listed: Callable[[Summary], None],
) -> None:
    """Follow files until `stop`."""
    await follow(
        manifests,
        policies,
        bus,
        settings.source,
        now,
        stop,
        known=await known_to(store, settings.cluster),
        listed=listed,
        waiver_paths=waivers,
    )


def _db_option(settings: Settings) -> str:
    """What other commands need to find the same database; never a password."""
    return f" --db {shown(parse_url(settings.db))}" if settings.db_given else ""


def say_first_look(
    telemetry: Telemetry, policies: Sequence[str] = (), after: Callable[[], None] = lambda: None
) -> Callable[[Summary], None]:
    """Say what the first look at the disk found, and nothing after that."""
    looks: list[Summary] = []

    def listed(summary: Summary) -> None:
        telemetry.health.has(LISTED)
        if not looks:
            say(f"read {counted(summary.resources, 'resource')} and {counted(summary.policies, 'policy')}")
            if policies and not summary.policies:
                say(f"{', '.join(policies)}: no ClusterImagePolicy in it: nothing is judged until one is")
            after()
        looks.append(summary)

    return listed

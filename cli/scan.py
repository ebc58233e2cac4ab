"""`tocsin scan`: the whole pipeline once over some manifests, and a report."""

import asyncio
import gc
import sys
from contextlib import AsyncExitStack
from dataclasses import dataclass

from cli.invoke import complain, let_go_of_stdout
from cli.progress import counting
from cli.render.report import say_passed_over, write_report
from cli.report.collector import TOPICS, Collector
from cli.report.exitcode import exit_code
from cli.report.model import ScanReport
from cli.wire import Embedded, known_to, now, policy_paths, store_for, waiver_paths
from pipeline.errors import ExitCode, UsageError
from pipeline.events import Topic, policy_name
from pipeline.service import run_parts, stop_on_signals
from pipeline.settings import Settings, load_settings
from pipeline.settings_types import EngineChoice
from watcher.app import publish_manifests, publish_policies
from watcher.known import Remainders
from watcher.summary import Summary
from watcher.waivers.once import publish_waivers

_GC_THRESHOLD = 50_000
"""New objects before the collector looks: a scan makes millions that are no cycles."""


@dataclass(frozen=True, slots=True)
class ScanOptions:
    """What the command line says beyond settings."""

    paths: tuple[str, ...]
    context: str | None
    policies: tuple[str, ...]
    waivers: tuple[str, ...]
    format: str
    strict: bool


async def scan_manifests(
    options: ScanOptions,
    *,
    namespace: str | None,
    cluster: str | None,
    db: str | None,
    engine: EngineChoice | None,
) -> ExitCode:
    """Audit; write the report to stdout and what there is to say to stderr."""
    if not options.paths and not options.context:
        raise UsageError(
            "nothing to scan: name manifest files or folders, - for stdin, or a cluster with --context"
        )
    if options.paths and options.context:
        raise UsageError("manifests and --context: one scan reads one of them")
    # a cluster may have policies of its own
    policies = policy_paths(options.policies) if options.policies or not options.context else ()
    settings = load_settings(namespace=namespace, cluster=cluster, db=db, engine=engine)
    if options.context:
        from cli.cluster import for_cluster

        settings = for_cluster(settings, options.context, namespace)
    gc.freeze()
    gc.set_threshold(_GC_THRESHOLD)
    stop = asyncio.Event()
    with stop_on_signals(stop):
        report, summaries = await _audit(
            options.paths, policies, waiver_paths(options.waivers, settings), settings, stop
        )
    unreadable = any(summary.unreadable for summary in summaries)
    code = exit_code(report, strict=options.strict, unreadable=unreadable)
    try:
        write_report(report, options.format, sys.stdout, sys.stderr)
        say_passed_over(summaries[-1].passed_over, sys.stderr)
    except BrokenPipeError:
        let_go_of_stdout()
    if stop.is_set():
        complain("interrupted: the report covers what was read until then")
        return ExitCode.INTERRUPTED
    return code


async def _audit(
    paths: tuple[str, ...],
    policies: tuple[str, ...],
    waivers: tuple[str, ...],
    settings: Settings,
    stop: asyncio.Event,
) -> tuple[ScanReport, list[Summary]]:
    """Run the pipeline to its end. Returns the report, and what came of reading policies and manifests."""
    collector = Collector()
    summaries: list[Summary] = []
    async with AsyncExitStack() as stack:
        store = await store_for(settings, stack) if settings.db_given else None
        embedded = await stack.enter_async_context(
            Embedded.start(settings, store, once=True, of_cluster=not paths)
        )
        reports = await stack.enter_async_context(embedded.bus.consume("report", TOPICS))
        advance = stack.enter_context(counting())

        async def cluster_source(stop: asyncio.Event) -> None:
            from cli.cluster import in_files, scan_cluster  # the Kubernetes client is slow to load

            bus = embedded.bus

            def loaded() -> None:
                embedded.state.keep_only(set())

            summaries.append(
                await publish_waivers(waivers, bus, settings.source, now, stop, in_files(known, settings))
            )
            summaries.append(await scan_cluster(settings, policies, bus, stop, store, loaded, advance))
            for topic in (Topic.POLICIES, Topic.RESOURCES, Topic.DEADLETTERS):
                await bus.seal(topic)

        known = await known_to(store, settings.cluster)
        left = Remainders(settings.cluster, known, paths, policies)

        async def source(stop: asyncio.Event) -> None:
            bus, group = embedded.bus, settings.source
            summaries.append(await publish_waivers(waivers, bus, group, now, stop, known, left))
            loaded = await publish_policies(policies, bus, group, now, stop, left)
            await bus.seal(Topic.POLICIES)
            # otherwise no verdict is over: its policy may be where nobody could look
            if not loaded.unreadable and not stop.is_set():
                embedded.state.keep_only({policy_name(key) for key in left.policies.kept})
            summaries.append(loaded)
            summaries.append(await publish_manifests(paths, bus, group, now, stop, advance, left))
            await bus.seal(Topic.RESOURCES)
            await bus.seal(Topic.DEADLETTERS)

        async def report(_: asyncio.Event) -> None:
            await collector.collect(reports)

        chosen = source if paths else cluster_source
        await run_parts({"source": chosen, "report": report, **embedded.parts}, stop, settings.grace)
    return collector.report(), summaries

"""`tocsin scan`: the whole pipeline once over some manifests, and a report."""

import asyncio
import gc
import sys
from contextlib import AsyncExitStack
from dataclasses import dataclass

from cli.invoke import complain, let_go_of_stdout
from cli.others import Others
from cli.progress import counting
from cli.render.report import say_left_alone, say_passed_over, write_report
from cli.report.collector import TOPICS, Collector
from cli.report.exitcode import exit_code
from cli.report.model import ScanReport
from cli.wire import Embedded, default_policies, known_to, now, policy_paths, store_for, waiver_paths
from pipeline.errors import ExitCode, UsageError
from pipeline.events import Topic
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
    no_other_policies: bool = False


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
        report, summaries, others = await _audit(
            options, policies, waiver_paths(options.waivers, settings), settings, stop
        )
    unreadable = any(summary.unreadable for summary in summaries)
    code = exit_code(report, strict=options.strict, unreadable=unreadable)
    try:
        write_report(report, options.format, sys.stdout, sys.stderr)
        say_passed_over(summaries[-1].passed_over, sys.stderr)
        say_left_alone(others, sys.stderr)
    except BrokenPipeError:
        let_go_of_stdout()
    if stop.is_set():
        complain("interrupted: the report covers what was read until then")
        return ExitCode.INTERRUPTED
    return code


async def _audit(
    options: ScanOptions,
    policies: tuple[str, ...],
    waivers: tuple[str, ...],
    settings: Settings,
    stop: asyncio.Event,
) -> tuple[ScanReport, list[Summary], int]:
    """Run the pipeline to its end.

    Returns the report, what came of reading policies and manifests, and how many policies of the
    database were left alone.
    """
    paths, collector = options.paths, Collector()
    summaries: list[Summary] = []
    async with AsyncExitStack() as stack:
        store = await store_for(settings, stack) if settings.db_given else None
        embedded = await stack.enter_async_context(
            Embedded.start(settings, store, once=True, of_cluster=not paths)
        )
        bus, group = embedded.bus, settings.source
        reports = await stack.enter_async_context(bus.consume("report", TOPICS))
        advance = stack.enter_context(counting())
        known = await known_to(store, settings.cluster)
        left = Remainders(settings.cluster, known, paths, policies or default_policies())
        others = Others(known, left, withdrawn=options.no_other_policies)
        if store is not None:
            collector.knows((await store.waivers(settings.cluster)).values(), others.names)

        async def cluster_source(stop: asyncio.Event) -> None:
            from cli.cluster import in_files, scan_cluster  # the Kubernetes client is slow to load

            async def loaded(summary: Summary) -> None:
                await others.settle(embedded, summary, stop)

            files = in_files(known, settings)
            summaries.append(await publish_waivers(waivers, bus, group, now, stop, files))
            summaries.append(
                await scan_cluster(settings, policies, bus, stop, store, known, left, loaded, advance)
            )
            for topic in (Topic.POLICIES, Topic.RESOURCES, Topic.DEADLETTERS):
                await bus.seal(topic)

        async def source(stop: asyncio.Event) -> None:
            summaries.append(await publish_waivers(waivers, bus, group, now, stop, known, left))
            loaded = await publish_policies(policies, bus, group, now, stop, left)
            await others.settle(embedded, loaded, stop)
            await bus.seal(Topic.POLICIES)
            summaries.append(loaded)
            summaries.append(await publish_manifests(paths, bus, group, now, stop, advance, left))
            await bus.seal(Topic.RESOURCES)
            await bus.seal(Topic.DEADLETTERS)

        async def report(_: asyncio.Event) -> None:
            await collector.collect(reports)

        chosen = source if paths else cluster_source
        await run_parts({"source": chosen, "report": report, **embedded.parts}, stop, settings.grace)
    for summary in summaries:
        collector.failed(summary.unreadable)
    return collector.report(), summaries, others.left_alone

"""Real runs over the workload, and every record that they put on the log. No test.

Embedded: the parts of `tocsin run`, in this process. On Kafka: `tocsin watch` and
`tocsin evaluate` as processes.
"""

import asyncio
import contextlib
import json
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from cli.wire import Embedded, known_to, now
from pipeline.bus import Record
from pipeline.events import Topic
from pipeline.kafka.reading import read_topic
from pipeline.service import run_parts
from pipeline.settings import KafkaSettings, load_settings
from sink.store import Store
from tests.contract.events.workload import FIRST, THEN, Told, change, lay_out
from tests.e2e.command import tocsin
from tests.e2e.running import running
from watcher.follow import follow

CLUSTER = "shop"
_PATIENCE = 120.0


def _told(records: Sequence[Record]) -> set[Told]:
    return {(record.event.type, record.event.subject) for record in records if record.event}


def embedded(folder: Path) -> list[Record]:
    """Every record of a run in one process, in the order of the log."""
    lay_out(folder)
    with contextlib.chdir(folder):
        return asyncio.run(asyncio.wait_for(_embedded(folder), _PATIENCE))


async def _embedded(folder: Path) -> list[Record]:
    settings = load_settings(cluster=CLUSTER, offline=True, workers=1, db="sqlite:///audit.db")
    stop, told = asyncio.Event(), asyncio.Condition()
    records: list[Record] = []
    async with (
        Store.open(settings.db, create=True) as store,
        Embedded.start(settings, store) as run,
        run.bus.consume("contract", list(Topic)) as consumer,
    ):

        async def source(stop: asyncio.Event) -> None:
            known = await known_to(store, settings.cluster)
            await follow(
                ("deploy",), ("policies",), run.bus, settings.source, now, stop,
                known=known, waiver_paths=("waivers",),
            )  # fmt: skip
            for topic in (Topic.POLICIES, Topic.RESOURCES, Topic.DEADLETTERS):
                await run.bus.seal(topic)

        async def collect(_: asyncio.Event) -> None:
            while (delivery := await consumer.receive(256)).records:
                async with told:
                    records.extend(delivery.records)
                    told.notify_all()
                await consumer.acknowledge(delivery)

        async def user(stop: asyncio.Event) -> None:
            async with told:
                await told.wait_for(lambda: _told(records) >= FIRST)
                seen = len(records)
                change(folder)
                await told.wait_for(lambda: _told(records[seen:]) >= THEN)
            stop.set()

        await run_parts({"source": source, "collect": collect, "user": user, **run.parts}, stop, 60.0)
    return records


def on_kafka(folder: Path, settings: KafkaSettings) -> list[Record]:
    """The records of services on a broker, in the order of each topic."""
    lay_out(folder)
    lines = {
        "cluster": CLUSTER,
        "kafka_bootstrap": settings.bootstrap,
        "kafka_prefix": settings.prefix,
        "kafka_partitions": settings.partitions,
        "workers": 1,
        "waivers": "waivers",
    }
    text = "".join(f"{name} = {json.dumps(value)}\n" for name, value in lines.items())
    (folder / "tocsin.toml").write_text(text, encoding="utf-8")
    made = tocsin(folder, "topics", "create")
    assert made.code == 0, made.err
    return asyncio.run(_services(folder, settings))


async def _services(folder: Path, settings: KafkaSettings) -> list[Record]:
    with ExitStack() as stack:
        watch = ("watch", "--manifests", "deploy", "-p", "policies")
        services = [stack.enter_context(running(folder, *command)) for command in (watch, ("evaluate",))]
        seen = await _until(settings, FIRST, after=0)
        change(folder)
        await _until(settings, THEN, after=seen)
        assert [service.stop() for service in services] == [0, 0]
    return await _read(settings)


async def _until(settings: KafkaSettings, wanted: frozenset[Told], after: int) -> int:
    """Read until the topics say so; how many records there were. `after`: without the first verdicts."""
    async with asyncio.timeout(_PATIENCE):
        while True:  # each reading waits for the broker
            records = await _read(settings)
            if _told(records[after:]) >= wanted:
                return len(records)


async def _read(settings: KafkaSettings) -> list[Record]:
    """Those of the verdicts last."""
    records: list[Record] = []
    for topic in sorted(Topic, key=lambda topic: topic is Topic.VERDICTS):
        await read_topic(settings, topic, records.append)
    return records

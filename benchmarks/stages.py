"""The stages of a scan one after the other, so that each can be timed alone."""

import asyncio
import gc
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cli.report.collector import Collector
from cli.wire import now
from evaluator.evaluation import Inquiry, conclude, inquire
from evaluator.loading import LoadedPolicy, load
from evaluator.rego.memo import Memo
from evaluator.rego.pool import WorkerPool
from evaluator.rego.questions import Answer
from evaluator.state import State
from evaluator.verdicts import tell
from pipeline.bus import Delivery, Record
from pipeline.codec import to_json
from pipeline.events import PolicyApplied, ResourceApplied, Topic
from pipeline.settings import load_settings
from pipeline.settings_types import EngineChoice, UnmatchedImages
from watcher.app import publish_manifests, publish_policies

_BATCH = 64


@dataclass
class _Kept:
    """A publisher that keeps what it gets."""

    records: list[Record] = field(default_factory=list)

    async def publish(self, records: Sequence[Record]) -> None:
        self.records += records

    async def seal(self, topic: Topic) -> None:
        """Nothing waits for an end here."""


@dataclass(frozen=True, slots=True)
class Split:
    """CPU seconds of each stage in this process, and what the memo did."""

    seconds: dict[str, float]
    hits: int
    misses: int


async def stages(manifest: Path, policies: Sequence[Path]) -> Split:
    """Time each stage on a manifest."""
    settings = load_settings()
    split: dict[str, float] = {}
    source, rules = _Kept(), _Kept()
    await publish_policies([str(path) for path in policies], rules, settings.source, now)
    start = time.process_time()

    def lap(name: str) -> None:
        nonlocal start
        split[name] = time.process_time() - start
        gc.collect()
        gc.freeze()  # here everything is kept; a scan keeps little, and looks through little
        start = time.process_time()

    await publish_manifests([str(manifest)], source, settings.source, now, asyncio.Event())
    lap("read manifests: YAML to events")
    async with WorkerPool(settings.evaluator) as pool:
        loaded: list[LoadedPolicy] = []
        for record in rules.records:
            if record.event and isinstance(record.event.data, PolicyApplied):
                policy, _ = await load(record.event.data, pool, EngineChoice.AUTO)
                loaded += [policy] if policy else []
        lap("load policies: validate; compile and analyse elsewhere")
        resources = [
            (record.key, record.event.data)
            for record in source.records
            if record.event and isinstance(record.event.data, ResourceApplied)
        ]
        inquiries = [inquire(applied, loaded, UnmatchedImages.IGNORE) for _, applied in resources]
        lap("match")
        memo = Memo(pool)
        answers = await _answers(memo, inquiries)
        lap("project, look up, ask")
    findings = [conclude(inquiry, answer) for inquiry, answer in zip(inquiries, answers, strict=True)]
    lap("judge answers")
    state, told = State(remember=False), now()
    verdicts = [
        record
        for (key, applied), found in zip(resources, findings, strict=True)
        for record in tell(state, key, applied, found, told)
    ]
    lap("make verdict events")
    collector = Collector()
    collector.take(Delivery(verdicts, {}))
    collector.report()
    lap("collect the report")
    for record in verdicts:
        if record.event:
            to_json(record.event)
    lap("(CloudEvents JSON of every verdict, not part of a scan)")
    return Split(split, memo.hits, memo.misses)


async def _answers(memo: Memo, inquiries: Sequence[Inquiry]) -> list[list[list[Answer]]]:
    found: list[list[list[Answer]]] = []
    for begin in range(0, len(inquiries), _BATCH):
        batch = inquiries[begin : begin + _BATCH]
        rows = iter(await memo.evaluate([query for inquiry in batch for query in inquiry.queries]))
        found += [[next(rows) for _ in inquiry.queries] for inquiry in batch]
    return found

"""`tocsin events tail`: the events of a running `tocsin run` to stdout, one CloudEvent a line."""

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from cli.event_stream import TOPICS, follow
from cli.invoke import reader_may_leave
from pipeline.bus import Record
from pipeline.codec import to_json
from pipeline.errors import ExitCode
from pipeline.kafka.reading import follow_topics
from pipeline.service import stop_on_signals
from pipeline.settings import KafkaSettings, load_settings


@dataclass(frozen=True, slots=True)
class Wanted:
    """Each field narrows; several values of one field are alternatives."""

    types: Sequence[str] = ()
    """Whole types, or their word: `failed` of `dev.tocsin.verdict.failed.v1`."""
    policies: Sequence[str] = ()
    namespaces: Sequence[str] = ()

    def takes(self, line: bytes) -> bool:
        """Whether to show an event."""
        if not (self.types or self.policies or self.namespaces):
            return True
        event: dict[str, Any] = msgspec.json.decode(line)
        kind = str(event.get("type", ""))
        return (
            _among(self.types, kind, *kind.split(".")[-2:-1])
            and _among(self.policies, event.get("policy"))
            and _among(self.namespaces, event.get("namespace"))
        )


def _among(choices: Sequence[str], *values: str | None) -> bool:
    return not choices or any(value in choices for value in values)


async def tail(wanted: Wanted, kafka: str | None = None) -> ExitCode:
    """Print events until the run ends, the reader goes away, or Ctrl-C. `kafka`: of these brokers."""
    settings = load_settings(kafka_bootstrap=kafka)
    work = _print(settings.events_socket, wanted) if kafka is None else _print_log(settings.kafka, wanted)
    stop = asyncio.Event()
    with stop_on_signals(stop):
        printing = asyncio.create_task(work, name="tail")
        stopping = asyncio.create_task(stop.wait(), name="stop")
        try:
            await asyncio.wait({printing, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
            printing.cancel()
            await asyncio.wait({printing, stopping})
    if not printing.cancelled():
        printing.result()
    return ExitCode.OK


async def _print(socket: Path, wanted: Wanted) -> None:
    async with follow(socket) as events:
        sys.stderr.write(f"following the events at {socket}; Ctrl-C ends it\n")
        sys.stderr.flush()
        with reader_may_leave():
            async for line in events:
                if wanted.takes(line):
                    sys.stdout.buffer.write(line)
                    sys.stdout.buffer.flush()


async def _print_log(log: KafkaSettings, wanted: Wanted) -> None:
    def show(record: Record) -> None:
        line = to_json(record.event) + b"\n" if record.event else b""
        if line and wanted.takes(line):
            sys.stdout.buffer.write(line)
            sys.stdout.buffer.flush()

    def began() -> None:
        sys.stderr.write(f"following the events on {log.bootstrap}; Ctrl-C ends it\n")
        sys.stderr.flush()

    with reader_may_leave():
        await follow_topics(log, TOPICS, began, show)

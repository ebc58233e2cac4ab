"""What `tocsin watch`, `evaluate` and `sink` have in common: what they wait for, and their end."""

import asyncio
from collections.abc import Awaitable, Callable

from cli.talk import say
from cli.telemetry import Telemetry, telling
from pipeline.errors import ExitCode, StoreError
from pipeline.kafka.errors import LogAwayError
from pipeline.persistence import Backoff, Persistence
from pipeline.service import run_parts, stop_on_signals
from pipeline.settings import Settings
from pipeline.settings_types import LogFormat

Work = Callable[[asyncio.Event, Callable[[], None], Telemetry], Awaitable[None]]
"""Takes the stop event, what to call once Kafka and the database are there, and what to tell it to."""


async def serve(name: str, doing: str, work: Work, settings: Settings) -> ExitCode:
    """Do the work until SIGINT or SIGTERM; begin again when Kafka, its topics or the database were away.

    `doing`: a line for whoever started it.
    """
    stop = asyncio.Event()
    backoff = Backoff(settings.backoff_first, settings.backoff_most)
    async with telling(settings, name, LogFormat.JSON) as telemetry:
        persistence = Persistence(backoff, telemetry.health, (LogAwayError, StoreError))
        part = persistence.part(name, lambda stop, going: work(stop, going, telemetry))
        with stop_on_signals(stop):
            say(f"{doing}; Ctrl-C ends it")
            await run_parts(telemetry.health.watching({name: part}), stop, settings.grace)
    return ExitCode.OK

"""`tocsin subscribers`: their standing, replays, and what they did not get."""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import Any

from cli.delivering import subscribers_of
from cli.invoke import reader_may_leave
from cli.options import SubscribersFormat
from cli.render.columns import Column, age, write_columns
from cli.render.json_text import stream
from cli.render.text import counted
from cli.since import parse_time
from deliverer.answers import Delivered, Failed, Gone, Refused
from deliverer.requests import request_of
from deliverer.sender import HttpSender
from deliverer.sending import send_all
from pipeline.codec import to_json
from pipeline.errors import ExitCode, UsageError, clip
from pipeline.kafka import subscription
from pipeline.settings import Settings, load_settings
from sink import outbox
from sink.subscribers import ACTIVE, PAUSED, SubscriberStore, Undelivered

_STANDINGS = {"active": "green", "paused": "yellow", "gone": "bold red"}
_SUBSCRIBERS = (Column("NAME"), Column("STANDING", _STANDINGS), Column("SINCE"), Column("UNDELIVERED"))
_UNDELIVERED = (
    Column("SUBSCRIBER"),
    Column("EVENT"),
    Column("TYPE"),
    Column("SUBJECT", wraps=True),
    Column("ATTEMPTS"),
    Column("GIVEN UP"),
    Column("REASON", wraps=True),
)
_UNSAYABLE = Refused("its form cannot say this event", 0)
_PAGE = 500
_LET_GO = 120
"""Looks at whether services have let go of a subscriber: for a minute, with the settings' defaults."""


def _open(settings: Settings) -> AbstractAsyncContextManager[SubscriberStore]:
    return SubscriberStore.open(settings.db, settings.database_limits, create=False)


async def list_(output: SubscribersFormat, *, db: str | None) -> ExitCode:
    """Print every subscriber there was."""
    now = datetime.now(UTC)
    async with _open(load_settings(db=db)) as store:
        known = await store.known()
    with reader_may_leave():
        if output is SubscribersFormat.JSON:
            stream({"subscribers": known}, sys.stdout.buffer)
        else:
            rows = [
                (each.name, each.standing, age(now - each.changed_at), str(each.undelivered))
                for each in known
            ]
            write_columns(_SUBSCRIBERS, rows, sys.stdout)
    return ExitCode.OK


async def check(subscribers: str | None) -> ExitCode:
    """Say how many there are. Raises UsageError with a line for each mistake."""
    found = subscribers_of(load_settings(subscribers=subscribers))
    sys.stdout.write(f"{counted(len(found), 'subscriber')}: {', '.join(each.name for each in found)}\n")
    return ExitCode.OK


async def pause(name: str, *, db: str | None) -> ExitCode:
    """Raises UsageError for a name that nobody knows."""
    return await _put_standing(name, PAUSED, load_settings(db=db))


async def resume(name: str, *, db: str | None) -> ExitCode:
    """Raises UsageError for a name that nobody knows."""
    return await _put_standing(name, ACTIVE, load_settings(db=db))


async def _put_standing(name: str, standing: str, settings: Settings) -> ExitCode:
    async with _open(settings) as store:
        await store.put_standing(name, standing)
    sys.stderr.write(f"{name} is {standing}\n")
    return ExitCode.OK


async def replay(name: str, since: str, *, kafka: str | None, db: str | None) -> ExitCode:
    """Put a subscriber back to a time; services go on from there. Raises UsageError, LogError."""
    settings = load_settings(kafka_bootstrap=kafka, db=db)
    began = parse_time(since, datetime.now(UTC), "--from")
    async with _open(settings) as store:
        standing = next((each.standing for each in await store.known() if each.name == name), None)
        if standing is None:
            raise UsageError(
                f"no subscriber {clip(name)!r} was ever delivered to; see `tocsin subscribers list`"
            )
        if kafka is None:
            number = await outbox.rewind(store, name, began)
        else:
            await store.put_standing(name, PAUSED)
            try:
                number = await _rewind(settings, name, began)
            finally:
                await store.put_standing(name, standing)
    sys.stderr.write(f"{name} gets again what it takes of {counted(number, 'event')}\n")
    return ExitCode.OK


async def _rewind(settings: Settings, name: str, began: datetime) -> int:
    """Once every service has let go of the subscriber, as it does when it is paused."""
    for _ in range(_LET_GO):
        try:
            return await subscription.rewind(settings.kafka, name, max(int(began.timestamp() * 1000), 0))
        except subscription.GroupBusyError:
            await asyncio.sleep(settings.subscriber_poll / 4)
    raise subscription.GroupBusyError(
        f"services did not let go of {name}: do they use the same database and TOCSIN_SUBSCRIBER_POLL?"
    )


async def undelivered(
    name: str | None, ids: Sequence[str], output: SubscribersFormat, *, db: str | None
) -> ExitCode:
    """Print what was given up; JSON holds the events."""
    now = datetime.now(UTC)
    async with _open(load_settings(db=db)) as store:
        found = [each async for each in _all(store, name, ids)]
    with reader_may_leave():
        if output is SubscribersFormat.JSON:
            stream({"undelivered": iter(map(_shown, found))}, sys.stdout.buffer)
        else:
            write_columns(_UNDELIVERED, [_row(each, now) for each in found], sys.stdout)
    sys.stderr.write(f"{counted(len(found), 'event')}\n")
    return ExitCode.OK


async def _all(store: SubscriberStore, name: str | None, ids: Sequence[str]) -> AsyncIterator[Undelivered]:
    last = None
    while page := await store.kept(name or "", ids, last, _PAGE):
        for each in page:
            yield each
        last = page[-1]


def _row(each: Undelivered, now: datetime) -> tuple[str, ...]:
    event = each.event
    given_up = age(now - each.given_up_at)
    word = event.type.value.split(".")[-2]
    return (each.subscriber, event.id, word, event.subject, str(each.attempts), given_up, each.reason)


def _shown(each: Undelivered) -> dict[str, Any]:
    import msgspec

    return {
        "subscriber": each.subscriber,
        "reason": each.reason,
        "status": each.status or None,
        "attempts": each.attempts,
        "firstTriedAt": each.first_tried_at,
        "givenUpAt": each.given_up_at,
        "event": msgspec.Raw(to_json(each.event)),
    }


async def retry(name: str | None, ids: Sequence[str], *, subscribers: str | None, db: str | None) -> ExitCode:
    """Send what was given up once more. FAILED where some did not arrive."""
    settings = load_settings(subscribers=subscribers, db=db)
    known = {each.name: each for each in subscribers_of(settings)}
    if name is not None and name not in known:
        raise UsageError(
            f"{settings.subscribers}: no subscriber {clip(name)!r}; there are {', '.join(known)}"
        )
    arrived = failed = 0
    async with _open(settings) as store:
        for each in [known[name]] if name is not None else known.values():
            async with HttpSender.open(each, lambda: datetime.now(UTC)) as sender:
                async for letter in _all(store, each.name, ids):
                    request = request_of(letter.event, each)
                    match await send_all(sender, request) if request else _UNSAYABLE:
                        case Delivered():
                            await store.forget([letter])
                            arrived += 1
                        case Failed(reason=reason) | Refused(reason=reason):
                            sys.stderr.write(f"{each.name}: {letter.event.id}: {reason}\n")
                            failed += 1
                        case Gone():
                            sys.stderr.write(f"{each.name}: answered 410 Gone: no more is sent\n")
                            failed += 1
                            break
    sys.stderr.write(f"{counted(arrived, 'event')} arrived, {failed} did not\n")
    return ExitCode.FAILED if failed else ExitCode.OK


async def forget(name: str, ids: Sequence[str], *, db: str | None) -> ExitCode:
    """Forget what was given up."""
    async with _open(load_settings(db=db)) as store:
        number = 0
        while page := await store.kept(name, ids, None, _PAGE):
            await store.forget(page)
            number += len(page)
    sys.stderr.write(f"{counted(number, 'event')} forgotten\n")
    return ExitCode.OK

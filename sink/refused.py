"""What the database does not take costs nobody else: a delivery in parts, and errors that a user can ask for.

A record that is refused is told as a row of `source_errors`, and taken back from there by the next
record of its key that is written.
"""

import hashlib
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from pipeline.bus import Record
from pipeline.errors import clip
from sink.reasons import cause_of, is_of_rows, reason
from sink.rows import Row
from sink.tables import source_errors
from sink.upsert import upsert

_log = logging.getLogger(__name__)
_PREFIX = "~refused/"
"""Of keys in `source_errors`: no cluster, which those of the log begin with, is called so."""

IS_REFUSED = source_errors.c.key.startswith(_PREFIX, autoescape=True)

Write = Callable[[Sequence[Record]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Refused:
    """A record that the database did not take, and why."""

    record: Record
    reason: str


async def write_what_goes(
    connection: AsyncConnection, records: Sequence[Record], write: Write
) -> list[Refused]:
    """Write records in their order, in halves of halves where some are refused; returns those."""
    try:
        async with connection.begin_nested():
            await write(records)
    except (DBAPIError, UnicodeError, OverflowError) as error:
        cause = cause_of(error)
        if not is_of_rows(cause):
            raise
        if len(records) == 1:
            return [Refused(records[0], reason(cause))]
    else:
        return []
    half = len(records) // 2
    first = await write_what_goes(connection, records[:half], write)
    return first + await write_what_goes(connection, records[half:], write)


async def tell(connection: AsyncConnection, refused: Iterable[Refused], now: datetime) -> None:
    """Write what was refused, where `tocsin errors list` finds it."""
    found = {_key(each.record): _row(each, now) for each in refused}
    await upsert(connection, source_errors, list(found.values()))


def log(refused: Iterable[Refused]) -> None:
    """A line for each."""
    for each in refused:
        _log.error(_message(each))


async def take_back(connection: AsyncConnection, records: Iterable[Record]) -> None:
    """Forget what was refused of keys that are written now."""
    told = set((await connection.execute(select(source_errors.c.key).where(IS_REFUSED))).scalars())
    if told and (mended := told & {_key(record) for record in records}):
        await connection.execute(delete(source_errors).where(source_errors.c.key.in_(mended)))


def _key(record: Record) -> str:
    """Short, however long the record's own is: that may be what was refused."""
    return _PREFIX + hashlib.sha256(f"{record.topic}/{record.key}".encode(errors="replace")).hexdigest()


def _message(refused: Refused) -> str:
    event = refused.record.event
    data = event.data if event else None
    what = f"{event.type} of {event.subject}" if event else "a deletion"
    policy = getattr(getattr(data, "policy", None), "name", "")
    by = f" by {clip(policy, 80)}" if policy else ""
    return _encodable(f"{clip(what)}{by}: the database does not take it: {refused.reason}")


def _row(refused: Refused, now: datetime) -> Row:
    event = refused.record.event
    data = event.data if event else None
    return {
        "key": _key(refused.record),
        "cluster": _encodable(clip(getattr(data, "cluster", "") or refused.record.key.partition("/")[0])),
        "file": _encodable(clip(getattr(data, "file", ""))),
        "document": 0,
        "message": _message(refused),
        "failed_at": now,
    }


def _encodable(text: str) -> str:
    return text.encode(errors="replace").decode()

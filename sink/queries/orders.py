"""Orders of violations, and pages of them: each begins exactly after the last one. Pure: builds SQL.

A key holds the values of the columns of an order. They go all in one direction, so that
rows compare as tuples, and the last is unique.
"""

import base64
import binascii
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, DateTime, literal, tuple_

from pipeline.errors import UsageError
from sink.queries.words import Sort, State
from sink.tables import UtcDateTime, violations

Key = tuple[Any, ...]
_RESOURCE = ("cluster", "namespace", "kind", "name", "policy", "id")
_POLICY = ("policy", "cluster", "namespace", "kind", "name", "id")


def columns(sort: Sort, state: State) -> tuple[list[ColumnElement[Any]], bool]:
    """What to order by, and whether downwards. Raises UsageError for an order of groups."""
    moment = "resolved_at" if state is State.RESOLVED else "opened_at"
    match sort:
        case Sort.NEWEST | Sort.OLDEST:
            names: Sequence[str] = (moment, "id")
        case Sort.RESOURCE:
            names = _RESOURCE
        case Sort.POLICY:
            names = _POLICY
        case Sort.COUNT:
            raise UsageError("--sort count is for groups: use it with --by workload, policy or namespace")
    return [violations.c[name] for name in names], sort is Sort.NEWEST


def order(found: Sequence[ColumnElement[Any]], *, downwards: bool) -> list[ColumnElement[Any]]:
    """For ORDER BY."""
    return [column.desc() if downwards else column.asc() for column in found]


def after(found: Sequence[ColumnElement[Any]], key: Key, *, downwards: bool) -> ColumnElement[bool]:
    """Rows that come later in the order than `key`."""
    here = tuple_(*found)
    there = tuple_(*(literal(value, column.type) for value, column in zip(key, found, strict=True)))
    return here < there if downwards else here > there


def token(about: Sequence[str], key: Key) -> str:
    """Where to go on, for `--continue`: the key, and what list it is of."""
    return base64.urlsafe_b64encode(msgspec.json.encode([list(about), list(key)])).decode().rstrip("=")


def key_of(text: str, about: Sequence[str], found: Sequence[ColumnElement[Any]]) -> Key:
    """The key in a token. Raises UsageError when it is none, or of another list."""
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        was_about, key = msgspec.json.decode(raw, type=tuple[list[str], list[str | int]])
        if was_about != list(about):
            raise UsageError(f"--continue: the list was {' '.join(was_about)}, this one is {' '.join(about)}")
        return tuple(_value(each, column) for each, column in zip(key, found, strict=True))
    except (binascii.Error, ValueError, msgspec.DecodeError) as error:
        raise UsageError("--continue: expected what an earlier list named, unchanged") from error


def _value(value: str | int, column: ColumnElement[Any]) -> Any:
    if isinstance(column.type, UtcDateTime | DateTime):
        return datetime.fromisoformat(str(value))
    return value

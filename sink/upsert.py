"""Insert rows, or update the ones that are there.

On SQLite by executemany; on PostgreSQL by one statement with one parameter, the rows as JSON: it is
parsed once and answered once, and no value is adapted by the driver.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

import msgspec
from sqlalchemy import JSON, BigInteger, Column, DateTime, Integer, LargeBinary, Table
from sqlalchemy.dialects import sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from sink.rows import Row
from sink.tables import UtcDateTime

_TYPES: tuple[tuple[tuple[type, ...], str, str], ...] = (
    ((JSON,), "text", "{}::json"),
    ((DateTime, UtcDateTime), "timestamptz", "{}"),
    ((LargeBinary,), "text", "decode({}, 'base64')"),
    ((BigInteger,), "bigint", "{}"),
    ((Integer,), "integer", "{}"),
)
"""Types of columns, what their values are in the JSON, and how they become values again; others are text.

JSON is text inside the JSON: json_to_recordset refuses an escaped NUL that a json column may hold.
"""


_MOST = 16 * 2**20
"""Bytes of one parameter: a batch of the largest objects there can be would pass PostgreSQL's 1 GiB."""


async def upsert(
    connection: AsyncConnection, table: Table, rows: Sequence[Row], *, once: Collection[str] = ()
) -> None:
    """Write rows in their order, all with the same columns, no key twice.

    Columns in `once` are written when a row is new, only.
    """
    if not rows:
        return
    keys = [column.name for column in table.primary_key]
    changed = [name for name in rows[0] if name not in keys and name not in once]
    storable = [_storable(row) for row in rows]
    if connection.dialect.name == "postgresql":
        statement, whole = _statement(table, storable, keys, changed)
        for body in _bodies(map(msgspec.json.encode, whole)):
            await connection.exec_driver_sql(statement, (body,))
        return
    insert = sqlite.insert(table)
    updated = {name: insert.excluded[name] for name in changed}
    await connection.execute(insert.on_conflict_do_update(index_elements=keys, set_=updated), storable)


def _statement(
    table: Table, rows: Sequence[Row], keys: Sequence[str], changed: Sequence[str]
) -> tuple[str, list[Row]]:
    """The statement, and the rows for it."""
    # a column that has a default in Python is given it, as SQLAlchemy would
    defaults = {
        column.name: _default(column)
        for column in table.columns
        if column.default is not None and column.name not in rows[0]
    }
    names = [*rows[0], *defaults]
    types = {name: _type(table.columns[name]) for name in names}
    given = ", ".join(f"{_quoted(name)} {types[name][0]}" for name in names)
    taken = ", ".join(types[name][1].format(_quoted(name)) for name in names)
    statement = (
        f"INSERT INTO {table.name} ({', '.join(map(_quoted, names))}) "  # noqa: S608 - names of our own schema
        f"SELECT {taken} FROM json_to_recordset(%s::json) AS given ({given}) "
        f"ON CONFLICT ({', '.join(map(_quoted, keys))}) DO UPDATE SET "
        + ", ".join(f"{_quoted(name)} = excluded.{_quoted(name)}" for name in changed)
    )
    nested = [name for name in names if isinstance(table.columns[name].type, JSON)]
    whole = [_whole(row, defaults, nested) for row in rows]
    return statement, whole


def _bodies(rows: Iterable[bytes]) -> Iterator[str]:
    """JSON arrays of rows, each of at most `_MOST` bytes, or of one row."""
    part: list[bytes] = []
    size = 0
    for row in rows:
        if part and size + len(row) > _MOST:
            yield f"[{b','.join(part).decode()}]"
            part, size = [], 0
        part.append(row)
        size += len(row)
    yield f"[{b','.join(part).decode()}]"


def _whole(row: Row, defaults: Row, nested: Sequence[str]) -> Row:
    if not defaults and not nested:
        return row
    whole = {**defaults, **row}
    # JSON's own null where there is nothing, as SQLAlchemy has it
    return whole | {name: msgspec.json.encode(whole[name]).decode() for name in nested}


def _default(column: Column[Any]) -> Any:
    default: Any = column.default
    return default.arg({}) if default.is_callable else default.arg


def _type(column: Column[Any]) -> tuple[str, str]:
    """Of a value in the JSON, and the expression that it becomes."""
    found = ((given, taken) for types, given, taken in _TYPES if isinstance(column.type, types))
    return next(found, ("text", "{}"))


def _quoted(name: str) -> str:
    return f'"{name}"'


def _storable(row: Row) -> Row:
    """PostgreSQL's text holds no NUL, and what a policy says may hold anything: no reason to stop for it."""
    if not any(type(value) is str and "\0" in value for value in row.values()):
        return row
    return {name: _without_nul(value) for name, value in row.items()}


def _without_nul(value: Any) -> Any:
    return value.replace("\0", "\ufffd") if isinstance(value, str) else value

"""Insert rows, or update those that are there. Values are made for the driver here: SQLAlchemy takes longer.

On SQLite by executemany; on PostgreSQL by one statement with one parameter, the rows as JSON: it is
parsed once and answered once, and no value is adapted by the driver.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any

import msgspec
from sqlalchemy import JSON, BigInteger, Column, DateTime, Integer, LargeBinary, Table
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
    whole = _whole(table, rows)
    names = list(whole[0])
    keys = [column.name for column in table.primary_key]
    changed = [name for name in rows[0] if name not in keys and name not in once]
    resolved = (
        f" ON CONFLICT ({', '.join(map(_quoted, keys))}) DO UPDATE SET "
        + ", ".join(f"{_quoted(name)} = excluded.{_quoted(name)}" for name in changed)
    )  # fmt: skip
    into = f"INSERT INTO {table.name} ({', '.join(map(_quoted, names))})"
    if connection.dialect.name == "postgresql":
        statement = f"{into} {_given(table, names)}{resolved}"
        for body in _bodies(map(msgspec.json.encode, _of_json(table, whole))):
            await connection.exec_driver_sql(statement, (body,))
        return
    marks = ", ".join("?" * len(names))
    await connection.exec_driver_sql(f"{into} VALUES ({marks}){resolved}", _of_sqlite(table, names, whole))


def _whole(table: Table, rows: Sequence[Row]) -> list[Row]:
    """The rows, storable, with what columns have by default in Python, as SQLAlchemy would."""
    defaults = {
        column.name: _default(column)
        for column in table.columns
        if column.default is not None and column.name not in rows[0]
    }
    texts = _getter([name for name in rows[0] if _type(table.columns[name]) == _TEXT])
    storable = (row if _is_storable(texts(row)) else _storable(row) for row in rows)
    return [{**row, **defaults} for row in storable] if defaults else list(storable)


def _default(column: Column[Any]) -> Any:
    default: Any = column.default
    return default.arg({}) if default.is_callable else default.arg


# on SQLite


def _of_sqlite(table: Table, names: Sequence[str], rows: Sequence[Row]) -> list[tuple[Any, ...]]:
    """Values as SQLAlchemy reads them again."""
    made = [
        (index, make) for index, name in enumerate(names) if (make := _maker(table.columns[name])) is not None
    ]
    values = _getter(names)
    if not made:
        return list(map(values, rows))

    def converted(row: Row) -> tuple[Any, ...]:
        found = list(values(row))
        for index, make in made:
            found[index] = make(found[index])
        return tuple(found)

    return list(map(converted, rows))


def _maker(column: Column[Any]) -> Callable[[Any], Any] | None:
    match column.type:
        case JSON():
            return _json
        case DateTime() | UtcDateTime():
            return _moment
        case _:
            return None


_OFFSET = len("+00:00")


def _moment(value: datetime | None) -> str | None:
    return None if value is None else value.astimezone(UTC).isoformat(" ", "microseconds")[:-_OFFSET]


def _json(value: Any) -> str:
    """JSON's own null where there is nothing, as SQLAlchemy has it."""
    return msgspec.json.encode(value).decode()


# on PostgreSQL


def _given(table: Table, names: Sequence[str]) -> str:
    """A query that gives the rows of a JSON array."""
    types = {name: _type(table.columns[name]) for name in names}
    given = ", ".join(f"{_quoted(name)} {types[name][0]}" for name in names)
    taken = ", ".join(types[name][1].format(_quoted(name)) for name in names)
    return f"SELECT {taken} FROM json_to_recordset(%s::json) AS given ({given})"  # noqa: S608 - our own names


def _of_json(table: Table, rows: Sequence[Row]) -> Iterable[Row]:
    nested = [name for name in rows[0] if isinstance(table.columns[name].type, JSON)]
    if not nested:
        return rows
    return (row | {name: _json(row[name]) for name in nested} for row in rows)


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


_TEXT = ("text", "{}")


def _type(column: Column[Any]) -> tuple[str, str]:
    """Of a value in the JSON, and the expression that it becomes."""
    found = ((given, taken) for types, given, taken in _TYPES if isinstance(column.type, types))
    return next(found, _TEXT)


def _quoted(name: str) -> str:
    return f'"{name}"'


def _getter(names: Sequence[str]) -> Callable[[Row], tuple[Any, ...]]:
    """The values of these columns, also where it is one or none."""
    if len(names) > 1:
        return itemgetter(*names)
    return lambda row: tuple(row[name] for name in names)


def _is_storable(texts: tuple[str | None, ...]) -> bool:
    """PostgreSQL's text holds no NUL, and what a policy says may hold anything: no reason to stop for it."""
    return "\0" not in "".join(filter(None, texts))


def _storable(row: Row) -> Row:
    return {name: _without_nul(value) for name, value in row.items()}


def _without_nul(value: Any) -> Any:
    return value.replace("\0", "\ufffd") if isinstance(value, str) else value

"""Insert rows, or update the ones that are there: one statement for SQLite and PostgreSQL."""

from collections.abc import Callable, Collection, Sequence
from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from sink.rows import Row

_Insert = postgresql.Insert | sqlite.Insert
_INSERTS: dict[str, Callable[[Table], _Insert]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


async def upsert(
    connection: AsyncConnection, table: Table, rows: Sequence[Row], *, once: Collection[str] = ()
) -> None:
    """Write rows, all with the same columns. Columns in `once` are written when a row is new, only."""
    if not rows:
        return
    insert = _INSERTS[connection.dialect.name](table)
    keys = [column.name for column in table.primary_key]
    changed = {name: insert.excluded[name] for name in rows[0] if name not in keys and name not in once}
    statement = insert.on_conflict_do_update(index_elements=keys, set_=changed)
    await connection.execute(statement, [_storable(row) for row in rows])


def _storable(row: Row) -> Row:
    """PostgreSQL's text holds no NUL, and what a policy says may hold anything: no reason to stop for it."""
    if not any(type(value) is str and "\0" in value for value in row.values()):
        return row
    return {name: _without_nul(value) for name, value in row.items()}


def _without_nul(value: Any) -> Any:
    return value.replace("\0", "\ufffd") if isinstance(value, str) else value

"""Tables filled for `benchmarks.sql`: COPY or executemany, indexes made afterwards."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import chain
from typing import Any

import msgspec
import psycopg

from benchmarks import sql_data
from sink.rows import Row
from sink.tables import metadata

RESOURCES = 200_000
SPANS = 1_000_000


def everything() -> Iterator[tuple[str, Iterator[Row]]]:
    """Rows by table."""
    yield "policies", sql_data.policy_rows()
    yield "resources", (row for row, _ in sql_data.resource_rows(RESOURCES))
    yield "objects", (row for _, row in sql_data.resource_rows(RESOURCES))
    yield "verdicts", sql_data.verdict_rows(RESOURCES)
    yield "violations", sql_data.spans(SPANS, RESOURCES)


def columns(row: Row) -> list[str]:
    """Of the statement that writes such rows."""
    return list(row)


def plain(value: Any, *, server: bool) -> Any:
    """As a driver takes it without SQLAlchemy."""
    if isinstance(value, dict | list):
        return msgspec.json.encode(value).decode()
    if isinstance(value, datetime) and not server:
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")
    return value


def values(row: Row, *, server: bool) -> tuple[Any, ...]:
    """The values of a row, in the order of its columns."""
    return tuple(plain(value, server=server) for value in row.values())


def fill_postgres(url: str) -> None:
    """COPY everything, then make the indexes, and let the planner know."""
    with psycopg.connect(url, autocommit=True) as connection:
        made = connection.execute(
            "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"
            " AND indexname NOT LIKE 'pk\\_%' AND indexname NOT LIKE 'alembic%'"
        ).fetchall()
        for name, _ in made:
            connection.execute(f"DROP INDEX {name}".encode())
        for table, rows in everything():
            copy(connection, table, rows)
        for _, definition in made:
            connection.execute(definition.encode())
        connection.execute("VACUUM ANALYZE")


def copy(connection: "psycopg.Connection[Any]", table: str, rows: Iterable[Row]) -> None:
    """COPY rows into a table."""
    source = iter(rows)
    first = next(source)
    names = ", ".join(f'"{name}"' for name in first)
    with connection.cursor().copy(f"COPY {table} ({names}) FROM STDIN".encode()) as writer:
        for row in chain([first], source):
            writer.write_row(values(row, server=True))


def fill_sqlite(path: str) -> None:
    """Insert everything, then make the indexes, and let the planner know."""
    with sqlite3.connect(path, isolation_level=None) as connection:
        connection.execute("PRAGMA synchronous=OFF")
        made = connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
        ).fetchall()
        for name, _ in made:
            connection.execute(f"DROP INDEX {name}")
        connection.execute("BEGIN")
        for table, rows in everything():
            insert(connection, table, rows)
        connection.execute("COMMIT")
        for _, definition in made:
            connection.execute(definition)
        connection.execute("ANALYZE")
    connection.close()


def insert(connection: sqlite3.Connection, table: str, rows: Iterable[Row]) -> None:
    """Executemany of rows that are new."""
    source = iter(rows)
    first = next(source)
    connection.executemany(
        f"INSERT INTO {table} ({', '.join(first)}) VALUES ({', '.join('?' * len(first))})",  # noqa: S608
        (values(row, server=False) for row in chain([first], source)),
    )


def upsert_statement(table: str, names: Sequence[str], *, mark: str, rows: int = 1) -> str:
    """Insert rows or update those that are there."""
    keys = [column.name for column in metadata.tables[table].primary_key]
    changed = ", ".join(f"{name} = excluded.{name}" for name in names if name not in keys)
    one = f"({', '.join([mark] * len(names))})"
    return (
        f"INSERT INTO {table} ({', '.join(names)}) VALUES {', '.join([one] * rows)} "  # noqa: S608
        f"ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {changed}"
    )

"""What the sink writes, beside the database's own limits, for `benchmarks.sql`.

The limits are measured in the same run, on the same tables, with rows made beforehand: upsert (the better of
statements of many rows and executemany) and COPY by psycopg, executemany by sqlite3, in transactions as large
as the sink's.
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from benchmarks import sql_data, sql_load
from pipeline.events import Outcome, ResourceApplied, Verdict
from sink import rows
from sink.store import Store

BATCH = 1000
_MANY = 100
"""Rows in one statement; with more, PostgreSQL takes longer to parse it than to run it."""

RECORDS = 10_000
"""Of each kind, to write."""

Write = tuple[str, Sequence[rows.Row]]
"""Rows of a table."""

_ReadyRows = tuple[str, list[str], list[tuple[Any, ...]]]
"""A table, its columns, and values as the driver takes them."""

_Ready = list[list[_ReadyRows]]


def measure(name: str, url: str) -> Iterator[str]:
    """Rows of a table: what the sink writes in a second, and the database's own limits."""
    now = datetime.now(UTC)
    fresh = sql_load.RESOURCES
    kinds: tuple[tuple[str, Callable[[int], Iterator[Any]]], ...] = (
        ("new Pods", lambda first: sql_data.resource_records(first, RECORDS)),
        ("violations that open", lambda first: sql_data.verdict_records(first, RECORDS, Outcome.FAIL, now)),
        (
            "violations that end",
            lambda first: sql_data.verdict_records(first, RECORDS, Outcome.PASS, now + timedelta(hours=1)),
        ),
    )
    for kind, records in kinds:
        ours = asyncio.run(_sink(url, list(records(fresh)), f"log {kind}"))
        other = list(records(fresh + RECORDS))
        writes = _as_rows(other, ended=kind.endswith("end"), now=now)
        limit = _limit(name, url, writes)
        copied = _copied(url, writes) if name == "PostgreSQL" and "end" not in kind else ""
        yield f"| {kind} | {ours:,.0f} | {limit:,.0f} | {ours / limit:.2f} | {copied} |"


async def _sink(url: str, records: list[Any], log: str) -> float:
    batches = list(sql_data.deliveries(iter(records), BATCH, 0))
    async with Store.open(url, create=False) as store:
        begin = time.perf_counter()
        for batch in batches:
            await store.apply(batch, log)
        return len(records) / (time.perf_counter() - begin)


def _as_rows(records: list[Any], *, ended: bool, now: datetime) -> list[list[Write]]:
    """What the sink would write for each batch, made beforehand."""
    batches: list[list[Write]] = []
    for begin in range(0, len(records), BATCH):
        batch = records[begin : begin + BATCH]
        if isinstance(batch[0].event.data, ResourceApplied):
            found = [(each.key, each.event) for each in batch]
            batches.append(
                [
                    ("resources", [rows.resource_row(key, event, event.data) for key, event in found]),
                    ("objects", [rows.object_row(key, event.data) for key, event in found]),
                ]
            )
        else:
            batches.append(_verdict_writes(batch, ended=ended, now=now))
    return batches


def _verdict_writes(batch: list[Any], *, ended: bool, now: datetime) -> list[Write]:
    spans = []
    for each in batch:
        data: Verdict = each.event.data
        row = {**rows.violation_row(each.key, each.event, data), "written_at": now}
        if ended:  # the span that the limit opened before
            opened = {**row, "id": rows.violation_id(each.key, f"{each.key}@{now.timestamp()}")}
            row = rows.resolved(opened, "fixed", data.evaluated_at)
        spans.append(row)
    return [
        ("verdicts", [rows.verdict_row(each.key, each.event, each.event.data) for each in batch]),
        ("violations", spans),
    ]


def _limit(name: str, url: str, batches: list[list[Write]]) -> float:
    """Records a second that the driver writes by upsert, the rows ready."""
    server = name == "PostgreSQL"
    ready = [[_ready(table, found, server=server) for table, found in batch] for batch in batches]
    count = sum(len(batch[0][2]) for batch in ready)
    return count / (_upsert_postgres(url, ready) if server else _upsert_sqlite(url, ready))


def _ready(table: str, found: Sequence[rows.Row], *, server: bool) -> _ReadyRows:
    return table, list(found[0]), [sql_load.values(row, server=server) for row in found]


def _upsert_postgres(url: str, ready: _Ready) -> float:
    """Half of the batches as statements of many rows, half by executemany (pipelined): the better counts."""
    half = len(ready) // 2
    with psycopg.connect(url) as connection:
        many = _timed(lambda: _statements_of_many_rows(connection, ready[:half]))
        piped = _timed(lambda: _executemany(connection, ready[half:]))
    return min(many, piped) * 2


def _timed(work: Callable[[], None]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def _statements_of_many_rows(connection: "psycopg.Connection[Any]", ready: _Ready) -> None:
    for batch in ready:
        for table, names, values in batch:
            for begin in range(0, len(values), _MANY):
                part = values[begin : begin + _MANY]
                statement = sql_load.upsert_statement(table, names, mark="%s", rows=len(part))
                connection.execute(statement.encode(), [each for row in part for each in row])
        connection.commit()


def _executemany(connection: "psycopg.Connection[Any]", ready: _Ready) -> None:
    for batch in ready:
        for table, names, values in batch:
            statement = sql_load.upsert_statement(table, names, mark="%s")
            connection.cursor().executemany(statement.encode(), values)
        connection.commit()


def _upsert_sqlite(url: str, ready: _Ready) -> float:
    connection = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
    connection.execute("PRAGMA synchronous=NORMAL")
    begin = time.perf_counter()
    for batch in ready:
        connection.execute("BEGIN IMMEDIATE")
        for table, names, values in batch:
            connection.executemany(sql_load.upsert_statement(table, names, mark="?"), values)
        connection.execute("COMMIT")
    taken = time.perf_counter() - begin
    connection.close()
    return taken


def _copied(url: str, batches: list[list[Write]]) -> str:
    """COPY of as many rows again, into the same tables."""
    count = sum(len(batch[0][1]) for batch in batches)
    renamed = [
        (table, [{**row, **_another(row, table)} for row in found])
        for batch in batches
        for table, found in batch
    ]
    with psycopg.connect(url) as connection:
        begin = time.perf_counter()
        for table, found in renamed:
            sql_load.copy(connection, table, found)
        connection.commit()
        taken = time.perf_counter() - begin
        for table, found in renamed:
            key = "id" if table == "violations" else "key"
            delete = f"DELETE FROM {table} WHERE {key} = ANY(%s)"  # noqa: S608
            connection.execute(delete.encode(), [[row[key] for row in found]])
    return f"{count / taken:,.0f}"


def _another(row: rows.Row, table: str) -> rows.Row:
    if table == "violations":
        return {"id": f"z{row['id'][1:]}", "verdict_key": f"{row['verdict_key']}#copy"}
    return {"key": f"{row['key']}#copy"}

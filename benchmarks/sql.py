"""`make bench BENCH=sql`: what the sink writes beside the database's own limits, and how long queries take.

A million violation spans and 200,000 resources on PostgreSQL and on SQLite. Writes
benchmarks/results/sql.md. The limits are measured in the same run, on the same tables, with rows
made beforehand: upsert (the better of statements of many rows and executemany) and COPY by psycopg,
executemany by sqlite3, in transactions as large as the sink's.
"""

import asyncio
import platform
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from os import cpu_count, environ, getloadavg
from pathlib import Path
from typing import Any

import psycopg

from benchmarks import sql_data, sql_load
from pipeline.events import Outcome, ResourceApplied, Verdict
from sink import rows, schema
from sink.database import connect, parse_url
from sink.queries.filters import Filter
from sink.queries.groups import list_groups
from sink.queries.inventory import inventory
from sink.queries.policies import list_policies
from sink.queries.reader import Reader
from sink.queries.summary import summarise
from sink.queries.terms import terms
from sink.queries.violations import detail, find_violations, list_history, list_violations
from sink.queries.words import By, Sort, State
from sink.store import Store
from tests import postgres

BATCH = 1000
_MANY = 100
"""Rows in one statement; with more, PostgreSQL takes longer to parse it than to run it."""

RECORDS = 10_000
"""Of each kind, to write."""

TIMES = 5
RESULT = Path(__file__).parent / "results" / "sql.md"
_TOCSIN = str(Path(sys.executable).with_name("tocsin"))
Write = tuple[str, Sequence[rows.Row]]
"""Rows of a table."""

_ReadyRows = tuple[str, list[str], list[tuple[Any, ...]]]
"""A table, its columns, and values as the driver takes them."""

_Ready = list[list[_ReadyRows]]


def main() -> None:
    """Measure both databases, print it, and write it down."""
    lines: list[str] = []

    def tell(found: Iterator[str]) -> None:
        for line in found:
            print(line, flush=True)
            lines.append(line)

    tell(_head())
    for name in environ.get("TOCSIN_BENCH_DATABASES", "PostgreSQL,SQLite").split(","):
        if name == "PostgreSQL":
            with postgres.server() as server, postgres.empty_database(server) as url:
                tell(_database(name, url))
        else:
            with tempfile.TemporaryDirectory() as folder:
                tell(_database(name, f"sqlite:///{folder}/tocsin.db"))
    RESULT.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _head() -> Iterator[str]:
    yield "# The database"
    yield ""
    yield (
        f"{datetime.now(UTC).date().isoformat()}; {cpu_count()} cores, {platform.machine()}, "
        f"Python {platform.python_version()}; {getloadavg()[0]:.1f} processes wanted a core when this began. "
        f"{sql_load.SPANS:,} violation spans, a tenth of them open, {sql_load.RESOURCES:,} resources with "
        f"their objects, 20 policies in 2 clusters, 100 namespaces. PostgreSQL with `fsync` off (for the "
        f"limits, too), vacuumed and analysed as autovacuum would."
    )
    yield ""


def _database(name: str, url: str) -> Iterator[str]:
    begin = time.perf_counter()
    asyncio.run(_create(url))
    if name == "PostgreSQL":
        sql_load.fill_postgres(url)
    else:
        sql_load.fill_sqlite(url.removeprefix("sqlite:///"))
    yield f"## {name}"
    yield ""
    yield f"Filled in {time.perf_counter() - begin:.0f} s (COPY or executemany, then indexes)."
    yield ""
    yield "| query | in the process, ms | goal |"
    yield "|---|---:|---|"
    goal = "100 ms" if name == "PostgreSQL" else ""
    for query, seconds in asyncio.run(_queries(url)):
        yield f"| {query} | {seconds * 1000:.0f} | {goal} |"
    yield ""
    yield "| command, whole | s | goal |"
    yield "|---|---:|---|"
    for words in _COMMANDS:
        aim = "" if words.startswith("report") else "0.6 s"
        yield f"| `tocsin {words}` | {_command(words, url):.2f} | {aim} |"
    yield ""
    what = f"writing {RECORDS:,} records in batches of {BATCH:,}"
    yield f"| {what} | sink, records/s | limit, upsert | sink/limit | COPY |"
    yield "|---|---:|---:|---:|---:|"
    yield from _writes(name, url)
    yield ""


async def _create(url: str) -> None:
    async with connect(parse_url(url), writes=True) as engine:
        await schema.upgrade(engine)


async def _queries(url: str) -> list[tuple[str, float]]:
    since = datetime.now(UTC) - timedelta(days=7)
    async with Reader.open(url) as reader:
        (some, *_), _ = await list_violations(reader, Filter(), Sort.NEWEST, 1, list)
        (policy, *_) = await list_policies(reader, [some.cluster], some.policy)

        def flat(sort: Sort, limit: int = 100, **wanted: Any) -> Callable[[], Awaitable[Any]]:
            return lambda: list_violations(reader, Filter(**wanted), sort, limit, list)

        def grouped(by: By, sort: Sort = Sort.NEWEST, **wanted: Any) -> Callable[[], Awaitable[Any]]:
            return lambda: list_groups(reader, Filter(**wanted), by, sort, 100, list)

        over: dict[str, Any] = {"state": State.RESOLVED}
        both: dict[str, Any] = {"state": State.ALL}
        queries: dict[str, Callable[[], Awaitable[Any]]] = {
            "`list` (by workload, first 100)": grouped(By.WORKLOAD),
            "`list -n team-07`": grouped(By.WORKLOAD, namespaces=terms(["team-07"])),
            "`list -n 'team-0*' --severity high`": grouped(
                By.WORKLOAD, namespaces=terms(["team-0*"]), severities=terms(["high"])
            ),
            "`list --by policy --sort count`": grouped(By.POLICY, Sort.COUNT),
            "`list --by namespace`": grouped(By.NAMESPACE),
            "`list --by resource`": flat(Sort.NEWEST),
            "`list --by resource --sort resource`": flat(Sort.RESOURCE),
            "`list --by resource --sort policy`": flat(Sort.POLICY),
            "`list --by resource --policy policy-03 -n team-07`": flat(
                Sort.NEWEST, policies=terms(["policy-03"]), namespaces=terms(["team-07"])
            ),
            "`list --by resource --owner deploy/service-4`": flat(
                Sort.NEWEST, owners=terms(["deployment/service-4"])
            ),
            "`list --by resource --image service-4:`": flat(Sort.NEWEST, images=terms(["service-4:"])),
            "`list --resolved`": flat(Sort.NEWEST, **over),
            "`list --resolved -n team-07 --since 7d`": flat(
                Sort.NEWEST, **over, namespaces=terms(["team-07"]), since=since
            ),
            "`list --all --sort resource`": flat(Sort.RESOURCE, **both),
            "`list --all --sort policy`": flat(Sort.POLICY, **both),
            "`show ID`": lambda: _show(reader, some.id),
            "`history NAMESPACE/Pod/NAME`": lambda: list_history(
                reader,
                Filter(
                    state=State.ALL, names=terms([some.resource.name]), kinds=terms(["pod"]),
                    namespaces=terms([some.resource.namespace]),
                ),
                Sort.NEWEST, None, list,
            ),
            "`history --policy policy-03` (100)": lambda: list_history(
                reader, Filter(state=State.ALL, policies=terms(["policy-03"])), Sort.NEWEST, 100, list
            ),
            "`summary`": lambda: summarise(reader, Filter(), since, datetime.now(UTC)),
            "`summary -n team-07`": lambda: summarise(
                reader, Filter(namespaces=terms(["team-07"])), since, datetime.now(UTC)
            ),
            "`policies list`": lambda: list_policies(reader),
            f"`policies show {policy.name}`": lambda: list_policies(reader, (), policy.name),
            "inventory, 500 objects": lambda: anext(inventory(reader)),
        }  # fmt: skip
        return [(name, await _median(query)) for name, query in queries.items()]


async def _show(reader: Reader, prefix: str) -> None:
    (found,) = await find_violations(reader, prefix[:12])
    await detail(reader, found, None)


async def _median(query: Callable[[], Awaitable[Any]]) -> float:
    taken = []
    for _ in range(TIMES):
        begin = time.perf_counter()
        await query()
        taken.append(time.perf_counter() - begin)
    return statistics.median(taken)


_COMMANDS = (
    "violations list --limit 100",
    "violations list -n team-07",
    "violations list --resolved --limit 100",
    "violations history team-07/Pod/service-7-7d9f8b6c5-00003",
    "violations summary",
    "policies list",
    "report --html -",
)


def _command(words: str, url: str) -> float:
    # an installation has its byte code: the first run here may have to write it
    kept = {name: value for name, value in environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = [_TOCSIN, *words.split(), "--db", url]
    subprocess.run(command, check=True, capture_output=True, env=kept)
    taken = []
    for _ in range(3):
        begin = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True, env=kept)
        taken.append(time.perf_counter() - begin)
    return statistics.median(taken)


def _writes(name: str, url: str) -> Iterator[str]:
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


if __name__ == "__main__":
    main()

"""`make bench BENCH=sql`: what the sink writes beside the database's own limits, and how long queries take.

A million violation spans and 200,000 resources on PostgreSQL and on SQLite. Writes
benchmarks/results/sql.md. TOCSIN_BENCH_DATABASES=SQLite (or PostgreSQL) measures one of them.
"""

import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from os import environ, getloadavg
from pathlib import Path
from typing import Any

from benchmarks import sql_load, sql_writes
from benchmarks.machine import machine
from benchmarks.measure import measure
from sink import schema
from sink.database import connect, parse_url
from sink.queries.errors import ErrorFilter, list_errors
from sink.queries.filters import Filter
from sink.queries.groups import list_groups
from sink.queries.inventory import inventory
from sink.queries.labels import selector
from sink.queries.policies import list_policies
from sink.queries.reader import Reader
from sink.queries.readiness import readiness
from sink.queries.summary import summarise
from sink.queries.terms import terms
from sink.queries.violations import detail, find_violations, list_history, list_violations
from sink.queries.waivers import list_waivers
from sink.queries.words import By, Sort, State
from tests import postgres

TIMES = 5
RESULT = Path(__file__).parent / "results" / "sql.md"
_TOCSIN = str(Path(sys.executable).with_name("tocsin"))


def main() -> None:
    """Measure both databases, print it, and write it down."""
    known = _sections(RESULT.read_text(encoding="utf-8")) if RESULT.exists() else {}
    for name in environ.get("TOCSIN_BENCH_DATABASES", ",".join(_DATABASES)).split(","):
        lines = []
        with _empty(name) as url:
            for line in _database(name, url):
                print(line, flush=True)
                lines.append(line)
        known[name] = "\n".join(lines) + "\n"
    RESULT.write_text(
        "\n".join([_HEAD, *(known[each] for each in _DATABASES if each in known)]), encoding="utf-8"
    )


_DATABASES = ("PostgreSQL", "SQLite")
_HEAD = f"""\
# The database

{sql_load.SPANS:,} violation spans, a tenth of them open, {sql_load.RESOURCES:,} resources with their objects, 20 policies
in 2 clusters, 100 namespaces. PostgreSQL with `fsync` off (for the limits, too), vacuumed and analysed as autovacuum
would. `TOCSIN_BENCH_DATABASES` measures one of them; the other's figures stay as they are.
"""  # noqa: E501 - a paragraph of the result


def _sections(text: str) -> dict[str, str]:
    """What is known of each database."""
    parts = text.split("\n## ")[1:]
    return {part.partition("\n")[0]: f"## {part.rstrip()}\n" for part in parts}


@contextmanager
def _empty(name: str) -> Iterator[str]:
    if name == "PostgreSQL":
        with postgres.server() as server, postgres.empty_database(server) as url:
            yield url
    else:
        with tempfile.TemporaryDirectory() as folder:
            yield f"sqlite:///{folder}/tocsin.db"


def _database(name: str, url: str) -> Iterator[str]:
    wanted = getloadavg()[0]
    begin = time.perf_counter()
    asyncio.run(_create(url))
    if name == "PostgreSQL":
        sql_load.fill_postgres(url)
    else:
        sql_load.fill_sqlite(url.removeprefix("sqlite:///"))
    yield f"## {name}"
    yield ""
    yield (
        f"{datetime.now(UTC).date().isoformat()}; {machine()}; {wanted:.1f} processes wanted a core when it "
        f"began. Filled in {time.perf_counter() - begin:.0f} s (COPY or executemany, then indexes)."
    )
    yield ""
    yield "| query | in the process, ms | goal |"
    yield "|---|---:|---|"
    goal = "100 ms" if name == "PostgreSQL" else ""
    for query, seconds in asyncio.run(_queries(url)):
        yield f"| {query} | {seconds * 1000:.0f} | {goal} |"
    yield ""
    yield "| command, whole | s | MiB | KiB printed | goal |"
    yield "|---|---:|---:|---:|---|"
    for words, aim in _COMMANDS.items():
        taken, peak, printed = _command(words, url)
        yield f"| `tocsin {words}` | {taken:.2f} | {peak / 2**20:.0f} | {printed / 2**10:.0f} | {aim} |"
    yield ""
    what = f"writing {sql_writes.RECORDS:,} records in batches of {sql_writes.BATCH:,}"
    yield f"| {what} | sink, records/s | limit, upsert | sink/limit | COPY |"
    yield "|---|---:|---:|---:|---:|"
    yield from sql_writes.measure(name, url)
    yield ""


async def _create(url: str) -> None:
    async with connect(parse_url(url), writes=True) as engine:
        await schema.upgrade(engine)


async def _queries(url: str) -> list[tuple[str, float]]:
    since = datetime.now(UTC) - timedelta(days=7)
    async with Reader.open(url) as reader:
        (some, *_), _ = await list_violations(reader, Filter(), Sort.NEWEST, 1, list)
        (policy, *_) = await list_policies(reader, terms([some.cluster]), some.policy)

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
            "`list --by resource --image registry`": flat(Sort.NEWEST, images=terms(["registry"])),
            "`list --image service-4:`": grouped(By.WORKLOAD, images=terms(["service-4:"])),
            "`list --resolved`": flat(Sort.NEWEST, **over),
            "`list --resolved -n team-07 --since 7d`": flat(
                Sort.NEWEST, **over, namespaces=terms(["team-07"]), since=since
            ),
            "`list --all --sort resource`": flat(Sort.RESOURCE, **both),
            "`list --all --sort policy`": flat(Sort.POLICY, **both),
            "`list -l team=data,app.kubernetes.io/name!=mail`": grouped(
                By.WORKLOAD, labels=selector(["team=data,app.kubernetes.io/name!=mail"])
            ),
            "`list --by resource -l team=data -n team-07`": flat(
                Sort.NEWEST, labels=selector(["team=data"]), namespaces=terms(["team-07"])
            ),
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
            "`errors list`": lambda: list_errors(reader, ErrorFilter()),
            "`waivers list`": lambda: list_waivers(reader, ()),
            "`policies readiness` (all of them)": lambda: readiness(
                reader, (), (), since, datetime.now(UTC), refusals=False
            ),
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


_GOAL = "0.6 s"
_COMMANDS = {
    "violations list --limit 100": _GOAL,
    "violations list -n team-07": _GOAL,
    "violations list --image service-4:": _GOAL,
    "violations list --resolved --limit 100": _GOAL,
    "violations history team-07/Pod/service-7-7d9f8b6c5-00003": _GOAL,
    "violations summary": _GOAL,
    "policies list": _GOAL,
    "errors list": _GOAL,
    "waivers list": _GOAL,
    "report --html -": "",
    "policies readiness": "",
    "policies diff examples/policies/no-latest-tag.yaml": "",
}
"""What takes longer reads more than an answer has: every resource, or a period's every violation."""

_ONCE = 5.0
"""Seconds after which a command is not measured again."""


def _command(words: str, url: str) -> tuple[float, int, int]:
    """Seconds, bytes of memory of all its processes, and bytes printed.

    Memory is of a run of its own, since looking takes time.
    """
    # an installation has its byte code: the first run here may have to write it
    kept = {name: value for name, value in environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = [_TOCSIN, *words.split(), "--db", url]
    taken = []
    for _ in range(4):
        begin = time.perf_counter()
        ran = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=kept, check=True)
        taken.append(time.perf_counter() - begin)
        if taken[-1] > _ONCE:
            break
    return statistics.median(taken[1:] or taken), measure(command).peak, len(ran.stdout)


if __name__ == "__main__":
    main()

"""What is looked at when everybody has stopped: the accounts, the log again, the files again."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

from pipeline.bus import Record
from tests.faults.accounts import log_problems, row_problems, violation_problems
from tests.faults.processes import Service
from tests.faults.tables import Tables, forget_offsets, read_offsets, read_tables
from tests.faults.tail import Tail


def accounts(told: Tables, expected: Tables, tail: Tail, log: Sequence[Record]) -> list[str]:
    """What is wrong with the log and the tables. `expected`, `log`: of the undisturbed run."""
    return [
        *tail.unreadable,
        *log_problems(tail.records, log),
        *violation_problems(told["violations"], tail.records),
        *row_problems(told, expected),
    ]


async def replayed(sink: Service, database: str, fresh: str, tail: Tail, patience: float) -> list[str]:
    """The whole log again: into a new database, and into the one that has it."""
    before = await read_tables(database)
    await forget_offsets(database)
    problems: list[str] = []
    for name, url in (("new", fresh), ("same", database)):
        if lags := await _replay(sink, url, tail, patience):
            return lags
        after = await read_tables(url)
        problems += [
            f"replayed, {name} database: {table} {key}: was {rows.get(key)}, is {after[table].get(key)}"
            for table, rows in before.items()
            for key in rows.keys() | after[table].keys()
            if rows.get(key) != after[table].get(key)
        ]
    return problems


async def _replay(like: Service, url: str, tail: Tail, patience: float) -> list[str]:
    sink = Service("replay", like.arguments, like.folder, {**like.settings, "TOCSIN_DB": url})
    sink.start()
    deadline = time.monotonic() + patience
    try:
        while True:
            written = await read_offsets(url)
            lags = [
                f"replay: {place} is at {written.get(place, 0)} of {end}"
                for place, end in tail.ends.items()
                if written.get(place, 0) < end
            ]
            if not lags or sink.ended or time.monotonic() > deadline:
                return lags
            await asyncio.sleep(0.1)  # the database has no other sign
    finally:
        await asyncio.to_thread(sink.stop)


async def as_scanned(watcher: Service, folder: Path, told: Tables) -> list[str]:
    """Another way to the same verdicts: one audit of the files as they are now."""
    url = f"sqlite:///{folder / 'scan.db'}"
    files = (str(folder / "deploy"), "-p", str(folder / "policies"))
    scan = Service("scan", ("scan", *files, "--db", url), folder, watcher.settings)
    scan.start()
    await asyncio.to_thread(scan.wait)
    scanned, ours = _verdicts(await read_tables(url)), _verdicts(told)
    return [
        f"scanned: {key} is {scanned.get(key)}, the pipeline says {ours.get(key)}"
        for key in scanned.keys() | ours.keys()
        if scanned.get(key) != ours.get(key)
    ]


def _verdicts(tables: Tables) -> dict[str, tuple[str, ...]]:
    return {
        key: (row["outcome"], row["message"], row["policy_digest"], row["mode"])
        for key, row in tables["verdicts"].items()
        if row["outcome"] != "withdrawn"
    }

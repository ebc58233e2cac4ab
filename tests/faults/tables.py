"""The tables of a database as they are, to compare two of them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select

from pipeline.events import Topic
from sink.database import connect, parse_url, translated
from sink.tables import objects, offsets, policies, policy_versions, resources, verdicts, violations

_KEYS: Mapping[str, tuple[Any, ...]] = {
    "resources": (resources, "key"),
    "objects": (objects, "key"),
    "policies": (policies, "key"),
    "policy_versions": (policy_versions, "policy_key", "digest"),
    "verdicts": (verdicts, "key"),
    "violations": (violations, "id"),
}
_CLOCK = ("written_at", "deleted_at", "resolved_at")
"""The sink's own time, or of which only matters whether there is one."""

_UNDETERMINED = ("first_applied_at", "last_applied_at")
"""Two topics tell of a version of a policy, in no order."""

Tables = dict[str, dict[str, dict[str, Any]]]


async def read_tables(url: str) -> Tables:
    """Every row by its key. Raises StoreError."""
    parsed = parse_url(url)
    found: Tables = {}
    async with connect(parsed, writes=False) as engine:
        with translated(parsed):
            async with engine.connect() as connection:
                for name, (table, *key) in _KEYS.items():
                    rows = (await connection.execute(select(table))).mappings()
                    found[name] = {" ".join(row[each] for each in key): _plain(row) for row in rows}
    return found


async def read_offsets(url: str) -> dict[tuple[Topic, int], int]:
    """How far the sinks are. Raises StoreError."""
    parsed = parse_url(url)
    async with connect(parsed, writes=False) as engine:
        with translated(parsed):
            async with engine.connect() as connection:
                rows = await connection.execute(select(offsets))
                return {(Topic(row.topic), row.partition): row.next_offset for row in rows}


async def forget_offsets(url: str) -> None:
    """Let a sink begin again from the first record."""
    async with connect(parse_url(url), writes=True) as engine, engine.begin() as connection:
        await connection.execute(delete(offsets))


def _plain(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {name: _value(name, value) for name, value in row.items() if name not in _UNDETERMINED}


def _value(name: str, value: Any) -> Any:
    if name in _CLOCK:
        return value is not None
    return value.isoformat() if isinstance(value, datetime) else value

"""Alembic's entry point: online only, on a connection that is given, or for developers by TOCSIN_DB."""

import asyncio
import os
from typing import Literal

from alembic import context
from sqlalchemy import inspect, text
from sqlalchemy.engine import Connection

from sink.database import connect, parse_url
from sink.tables import UtcDateTime, metadata

_LOCK = 7_029_130
"""Any number; the same for every tocsin, so that two upgrades of one database wait for each other."""


_FIRST = "offsets"
"""Whoever waits for this one holds nothing yet, and every sink begins with it."""

_THEN = (
    *("violations", "verdicts", "resources", "policies", "policy_versions"),
    *("objects", "waivers", "source_errors", "outbox"),
)
"""In the order in which questions come to them: most begin with violations, and wait there."""


def run(connection: Connection) -> None:
    """Run migrations in the connection's transaction."""
    if connection.dialect.name == "postgresql":
        _wait_at_most(connection, "10s")
        connection.execute(text("SET LOCAL statement_timeout = '10min'"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        _lock_tables(connection)
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        render_item=_render,
    )
    with context.begin_transaction():
        context.run_migrations()


def _lock_tables(connection: Connection) -> None:
    """All that a revision may change, before it changes anything: it waits for nobody in the middle.

    Whoever asks has locks in an order of their own. Where that would be a circle, it is this one
    that gives up, before the server (deadlock_timeout, 1 s) ends the other: `sink.schema` tries again.
    """
    there = set(inspect(connection).get_table_names())
    if _FIRST in there:
        connection.execute(text(f"LOCK TABLE {_FIRST} IN ACCESS EXCLUSIVE MODE"))
    _wait_at_most(connection, "500ms")
    for name in _THEN:
        if name in there:
            connection.execute(text(f"LOCK TABLE {name} IN ACCESS EXCLUSIVE MODE"))
    _wait_at_most(connection, "10s")


def _wait_at_most(connection: Connection, duration: str) -> None:
    connection.execute(text(f"SET LOCAL lock_timeout = '{duration}'"))


def _render(kind: str, item: object, _: object) -> str | Literal[False]:
    """A revision must not depend on today's code."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, UtcDateTime) else False


async def _develop() -> None:
    async with (
        connect(parse_url(os.environ["TOCSIN_DB"]), writes=True) as engine,
        engine.begin() as connection,
    ):
        await connection.run_sync(run)


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    asyncio.run(_develop())

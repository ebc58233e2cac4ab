"""Alembic's entry point: online only, on a connection that is given, or for developers by TOCSIN_DB."""

import asyncio
import os
from typing import Literal

from alembic import context
from sqlalchemy import text
from sqlalchemy.engine import Connection

from sink.database import connect, parse_url
from sink.tables import UtcDateTime, metadata

_LOCK = 7_029_130
"""Any number; the same for every tocsin, so that two upgrades of one database wait for each other."""


def run(connection: Connection) -> None:
    """Run migrations in the connection's transaction."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL lock_timeout = '10s'"))
        connection.execute(text("SET LOCAL statement_timeout = '10min'"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        render_item=_render,
    )
    with context.begin_transaction():
        context.run_migrations()


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

"""Opening the database: URLs as users write them, pragmas, and errors in one line."""

import re
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import create_engine, event
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from pipeline.errors import StoreBusyError, StoreError, StoreRefusedError, UsageError, clip
from pipeline.settings import DatabaseLimits
from sink.reasons import cause_of, is_busy, is_of_rows, reason

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

_DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
}
_PLAIN_DRIVERS = {"sqlite+aiosqlite": "sqlite"}
"""Those that are for asyncio only."""

_IN_MEMORY = {None, "", ":memory:"}
_EXAMPLES = "sqlite:///tocsin.db or postgresql://user@host/tocsin"
_BUSY_SECONDS = 5.0
"""Seconds to wait for another writer of a SQLite file, where nobody says how long."""

_CONNECT_SECONDS = 10
"""For a server to answer, where the URL does not say how long (`?connect_timeout=`)."""

_CANCEL_SECONDS = 2.0
"""For a server to hear that a query is not wanted any more."""


def parse_url(url: str) -> URL:
    """A database URL with the asyncio driver. Raises UsageError."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:  # ValueError: of a port that is no number
        raise UsageError(
            f"database {clip(_no_password(url))!r}: expected a URL such as {_EXAMPLES}"
        ) from error
    backend = parsed.get_backend_name()
    if backend not in _DRIVERS:
        raise UsageError(f"database {shown(parsed)}: expected {_EXAMPLES}, got {backend!r}")
    if backend == "sqlite" and parsed.database in _IN_MEMORY:
        raise UsageError(f"database {clip(url)!r} would be gone at the end: name a file, such as {_EXAMPLES}")
    return parsed.set(drivername=_DRIVERS[backend])


def _no_password(url: str) -> str:
    """A text that is no URL, without what may be a password in it, whatever that is made of."""
    hidden = re.sub(r"(?s)(?<=://)([^:/@]*):.*(?=@)", r"\1:***", url)
    return re.sub(r"(?i)(password=)[^&]*", r"\1***", hidden)


def shown(url: URL) -> str:
    """The URL as the user wrote it, without its password."""
    secret = [name for name in url.query if "password" in name.lower()]
    plain = url.set(drivername=url.get_backend_name()).difference_update_query(secret)
    return plain.render_as_string(hide_password=True)


@asynccontextmanager
async def connect(
    url: URL, *, writes: bool, limits: DatabaseLimits | None = None
) -> AsyncIterator["AsyncEngine"]:
    """An engine for as long as the block runs. `writes`: a transaction takes SQLite's write lock at once.

    `limits`: without them, the server's own.
    """
    from sqlalchemy.ext.asyncio import create_async_engine  # with the ORM: questions do without

    with translated(url):
        _try_file(url, writes=writes)
    with _driver_of(url):
        engine = create_async_engine(url, connect_args=_connect_arguments(url, limits))
    _set_transactions(engine.sync_engine, writes=writes)
    try:
        yield engine
    finally:
        await engine.dispose()


@contextmanager
def connect_reader(url: URL, limits: DatabaseLimits | None = None) -> Iterator[Engine]:
    """Likewise, to read in threads: its connections are plain ones, as questions want them."""
    with translated(url):
        _try_file(url, writes=False)
    plain = url.set(drivername=_PLAIN_DRIVERS.get(url.drivername, url.drivername))
    with _driver_of(url):
        engine = create_engine(plain, connect_args=_connect_arguments(url, limits))
    _set_transactions(engine, writes=False)
    try:
        yield engine
    finally:
        engine.dispose()


_TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"


@contextmanager
def _driver_of(url: URL) -> Iterator[None]:
    try:
        yield
    except (ImportError, NoSuchModuleError) as error:
        raise UsageError(
            f"{shown(url)} needs a driver: pip install '.[postgres]' in Tocsin's folder"
        ) from error


def _set_transactions(engine: Engine, *, writes: bool) -> None:
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _set_pragmas if writes else _leave_transactions)
        event.listen(engine, "begin", _begin_immediate if writes else _begin)


def interrupt(connection: Connection) -> None:
    """Have a database give up what it does for a connection; may be called from another thread."""
    driver: Any = connection.connection.driver_connection
    if connection.dialect.name == "sqlite":
        driver.interrupt()
    else:
        driver.cancel_safe(timeout=_CANCEL_SECONDS)


def _try_file(url: URL, *, writes: bool) -> None:
    """Open it once without a thread: where that fails, the driver's may outlive the loop and complain."""
    file = file_of(url)
    if file is None or url.query:
        return
    if file.exists():
        with closing(sqlite3.connect(file)) as connection:
            names = [name for (name,) in connection.execute(_TABLES)]
        if names and "alembic_version" not in names:
            raise StoreError(
                f"database {shown(url)} is not Tocsin's: it has other tables, such as {clip(names[0])}; "
                "name another file"
            )
    elif writes and file.parent.exists():  # else it may be about to be made
        try:
            tempfile.TemporaryFile(dir=file.parent).close()
        except OSError as error:
            raise sqlite3.OperationalError("unable to open database file") from error


def _connect_arguments(url: URL, limits: DatabaseLimits | None) -> dict[str, Any]:
    if url.get_backend_name() == "sqlite":
        return {"timeout": limits.lock_timeout if limits else _BUSY_SECONDS}
    found: dict[str, Any] = {} if "connect_timeout" in url.query else {"connect_timeout": _CONNECT_SECONDS}
    if limits is None:
        return found
    given = url.query.get("options", "")
    said = [given] if isinstance(given, str) else list(given)  # what the URL says is said last, and wins
    ours = (("lock_timeout", limits.lock_timeout), ("statement_timeout", limits.statement_timeout))
    options = [*(f"-c {name}={seconds * 1000:.0f}ms" for name, seconds in ours), *said]
    return {**found, "options": " ".join(options)}


def _leave_transactions(connection: Any, _: object) -> None:
    """Keep the driver from opening transactions by itself: it opens none around a change of the schema."""
    connection.isolation_level = None


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def _begin_immediate(connection: Connection) -> None:
    """A transaction that reads first and then writes is refused at once when another wrote in between."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _set_pragmas(connection: Any, _: object) -> None:
    _leave_transactions(connection, _)
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


@contextmanager
def translated(url: URL) -> Iterator[None]:
    """SQLAlchemy's and the driver's errors as StoreError."""
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error, OSError, UnicodeError, OverflowError) as error:
        cause = cause_of(error)
        kind = StoreBusyError if is_busy(cause) else StoreRefusedError if is_of_rows(cause) else StoreError
        raise kind(f"database {shown(url)}: {reason(cause)}") from error


def file_of(url: URL) -> Path | None:
    """The file of a SQLite database; None for one on a server."""
    if url.get_backend_name() != "sqlite" or not url.database:
        return None
    return Path(url.database)

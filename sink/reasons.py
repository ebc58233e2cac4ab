"""What a database's error means, in one line, and what now: wait, leave a row out, or give up. Pure.

PostgreSQL by its code (SQLSTATE), whatever language the server speaks; SQLite by its words.
"""

import sqlite3

from sqlalchemy.exc import DBAPIError

from pipeline.errors import clip

_BUSY = {
    "40001": "written by another session at the same time",  # serialization_failure
    "40P01": "two sessions waited for each other",  # deadlock_detected
    "55P03": "locked by another session; is a migration or a backup going on?",  # lock_not_available
}
"""Codes of what may be over in a moment."""

_STATES = {
    **_BUSY,
    "25006": "not writable: the server is a standby, or read-only",  # read_only_sql_transaction
    "42501": "this user may not do that; see the grants of its tables",  # insufficient_privilege
    "53100": "the disk is full",  # disk_full
    "53300": "too many connections; raise max_connections, or have fewer clients",  # too_many_connections
    "57014": "took too long: ask for less, or raise TOCSIN_DB_STATEMENT_TIMEOUT",  # query_canceled
    "57P01": "the server was shut down",  # admin_shutdown
    "57P02": "the server crashed, and starts again",  # crash_shutdown
    "57P03": "the server starts, or shuts down: try again in a moment",  # cannot_connect_now
}

_OF_ROWS = ("22", "23", "54")
"""Classes of codes of what is wrong with a row: data exception, integrity constraint, program limit."""

_SIGNS = (
    ("locked", "locked by another process; is another tocsin writing to it?"),
    ("readonly", "not writable"),
    ("unable to open", "cannot be opened; does the folder exist, and may you write there?"),
    ("not a database", "the file is not a SQLite database"),
    ("malformed", "the file is damaged"),
    ("full", "the disk is full"),
)

_NO_ANSWER = (
    "no answer in time: is the host right, and does nothing on the way drop packets? (connect_timeout)"
)


def cause_of(error: BaseException) -> BaseException:
    """The driver's own error where SQLAlchemy wraps it."""
    return (error.orig if isinstance(error, DBAPIError) else None) or error


def is_busy(cause: BaseException) -> bool:
    """Whether it may be over in a moment."""
    if isinstance(cause, sqlite3.Error):
        return "locked" in str(cause)
    return _state(cause) in _BUSY


def is_of_rows(cause: BaseException) -> bool:
    """Whether the database would take other rows: what is wrong is in those that were written."""
    if isinstance(cause, sqlite3.Error):
        return isinstance(cause, sqlite3.DataError | sqlite3.IntegrityError) or "too big" in str(cause)
    # what a driver cannot even say: a lone surrogate, a number of more than 64 bits
    return isinstance(cause, UnicodeError | OverflowError) or _state(cause)[:2] in _OF_ROWS


def reason(cause: BaseException) -> str:
    """One line for a user."""
    if told := _STATES.get(_state(cause)):
        return told
    said = str(cause)
    if isinstance(cause, sqlite3.Error):
        for sign, told in _SIGNS:
            if sign in said:
                return told
    if type(cause).__name__ == "ConnectionTimeout":  # psycopg's, which is not there for everybody
        return _NO_ANSWER
    if isinstance(cause, OSError) and cause.strerror:
        return f"{cause.strerror}: {cause.filename}" if cause.filename else cause.strerror
    return clip(said.splitlines()[0] if said else type(cause).__name__)


def _state(cause: BaseException) -> str:
    return getattr(cause, "sqlstate", None) or ""

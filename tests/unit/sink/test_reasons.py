"""Errors of databases in one line: PostgreSQL's by code, SQLite's by words.

Not covered: real servers that say so (`tests/contract`).
"""

import sqlite3

import pytest

from sink.reasons import is_busy, is_of_rows, reason

psycopg = pytest.importorskip("psycopg")
errors = psycopg.errors

TOO_LONG = errors.ProgramLimitExceeded(
    'index row size 3048 exceeds btree version 4 maximum 2704 for index "pk_verdicts"\n'
    "HINT: Values larger than 1/3 of a buffer page cannot be indexed. Consider ... or use full text indexing."
)


def test_a_hint_about_full_text_is_no_full_disk() -> None:
    assert reason(TOO_LONG).startswith("index row size 3048 exceeds")
    assert is_of_rows(TOO_LONG)


@pytest.mark.parametrize(
    ("cause", "said"),
    [
        (errors.DiskFull("could not extend file"), "the disk is full"),
        (errors.QueryCanceled("annulation de la requête"), "took too long"),
        (errors.ReadOnlySqlTransaction("cannot execute INSERT"), "not writable"),
        (errors.AdminShutdown("terminating connection"), "the server was shut down"),
        (errors.CannotConnectNow("the database system is starting up"), "the server starts"),
        (errors.DeadlockDetected("deadlock detected"), "two sessions waited for each other"),
        (errors.ConnectionTimeout("connection timeout expired"), "no answer in time"),
        (errors.OperationalError("connection refused\nIs it running?"), "connection refused"),
        (sqlite3.OperationalError("database or disk is full"), "the disk is full"),
        (sqlite3.OperationalError("attempt to write a readonly database"), "not writable"),
        (PermissionError(13, "Permission denied", "a.db"), "Permission denied: a.db"),
    ],
)
def test_each_says_what_is_wrong_in_one_line(cause: BaseException, said: str) -> None:
    assert reason(cause).startswith(said)
    assert "\n" not in reason(cause)
    assert not is_of_rows(cause)


@pytest.mark.parametrize(
    ("cause", "busy", "of_rows"),
    [
        (errors.LockNotAvailable(""), True, False),
        (errors.DeadlockDetected(""), True, False),
        (errors.NumericValueOutOfRange(""), False, True),
        (errors.UniqueViolation(""), False, True),
        (errors.UndefinedTable("the words: database is locked"), False, False),
        (sqlite3.OperationalError("database is locked"), True, False),
        (sqlite3.DataError("string or blob too big"), False, True),
        (sqlite3.IntegrityError("UNIQUE constraint failed"), False, True),
        (sqlite3.OperationalError("no such table: offsets"), False, False),
        (OverflowError("Python int too large"), False, True),
    ],
)
def test_what_may_be_over_soon_and_what_is_of_a_row(
    cause: BaseException, *, busy: bool, of_rows: bool
) -> None:
    assert (is_busy(cause), is_of_rows(cause)) == (busy, of_rows)

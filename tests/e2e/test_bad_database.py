"""A database that cannot be used: one clear line that says what to do, exit code 3, no traceback.

Not here: what a scan leaves in a database (`test_scan_with_database`). Root may write
everything, so that "may not write" is a database opened read-only.
"""

import sqlite3
from pathlib import Path

import pytest

from tests.e2e.command import Ran, pod, tocsin, write


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "deploy" / "pod.yaml", pod("web"))
    return tmp_path


def _scan(folder: Path, db: str) -> Ran:
    return tocsin(folder, "scan", "deploy", "--db", db)


def _refused(ran: Ran, code: int = 3) -> str:
    """The one line it says."""
    assert (ran.code, ran.out) == (code, "")
    (line,) = ran.err.splitlines()
    return line.removeprefix("error: ")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("audit.db", "database 'audit.db': expected a URL such as sqlite:///tocsin.db"),
        ("mysql://host/tocsin", "got 'mysql'"),
        ("oracle://u:secret@host/x", "database oracle://u:***@host/x: expected"),
    ],
)
def test_a_url_that_is_none_of_ours_is_wrong_usage(folder: Path, url: str, said: str) -> None:
    assert said in _refused(_scan(folder, url), code=2)


@pytest.mark.parametrize("path", ["/proc/audit.db", "deploy", "deploy/pod.yaml/audit.db"])
def test_a_place_where_no_file_can_be_is_named(folder: Path, path: str) -> None:
    line = _refused(_scan(folder, f"sqlite:///{path}"))
    assert line.startswith(f"database sqlite:///{path}: ")


def test_a_database_that_may_not_be_written_is_named(folder: Path) -> None:
    assert _scan(folder, "sqlite:///audit.db").code == 0
    line = _refused(_scan(folder, "sqlite:///file:audit.db?mode=ro&uri=true"))
    assert line.endswith("not writable")


def test_a_file_that_is_no_database_is_left_as_it_is(folder: Path) -> None:
    before = "this is not a database, " * 100
    (folder / "notes.txt").write_text(before)
    line = _refused(_scan(folder, "sqlite:///notes.txt"))
    assert line == "database sqlite:///notes.txt: the file is not a SQLite database"
    assert (folder / "notes.txt").read_text() == before


def test_a_database_that_somebody_locks_is_named(folder: Path) -> None:
    assert _scan(folder, "sqlite:///audit.db").code == 0
    other = sqlite3.connect(folder / "audit.db")
    try:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        line = _refused(_scan(folder, "sqlite:///audit.db"))
    finally:
        other.close()
    assert line == "database sqlite:///audit.db: locked by another process; is another tocsin writing to it?"


def test_a_schema_that_a_later_release_made_for_none_before_it_is_left_as_it_is(folder: Path) -> None:
    assert _scan(folder, "sqlite:///audit.db").code == 0
    connection = sqlite3.connect(folder / "audit.db")
    try:
        connection.execute("UPDATE alembic_version SET version_num = '9999_the_future'")
        connection.execute("UPDATE schema_compatibility SET oldest_revision = '9998'")
        connection.commit()
    finally:
        connection.close()
    before = (folder / "audit.db").read_bytes()
    line = _refused(_scan(folder, "sqlite:///audit.db"))
    assert "has schema 9999_the_future, newer than this tocsin knows" in line
    assert (folder / "audit.db").read_bytes() == before

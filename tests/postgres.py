"""A PostgreSQL server for tests: the one of TOCSIN_TEST_POSTGRES, or one started in a temporary folder.

The distribution's package is enough; it runs as another user where the tests run as
root, because PostgreSQL refuses root.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy.engine import make_url

from tests.services import absent

GIVEN = "TOCSIN_TEST_POSTGRES"
_LESS_THAN_ROOT = ("postgres", "nobody")


def _programs() -> Path | None:
    """The folder of initdb and pg_ctl, of the newest version that is installed."""
    installed = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    newest = max(installed, key=lambda path: int(path.parts[-3].split(".")[0]), default=None)
    on_path = shutil.which("initdb")
    found = newest or (Path(on_path) if on_path else None)
    return found.parent if found else None


def _other_user() -> str | None:
    """Whom to start the server as; None for the user of the tests."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return next((name for name in _LESS_THAN_ROOT if name in names), None)


@contextmanager
def server() -> Iterator[str]:
    """URL of a server where databases may be created. Skips the test where there is none."""
    if given := os.environ.get(GIVEN):
        yield given
        return
    programs = _programs()
    if programs is None:
        absent(f"PostgreSQL is not here: install its package, or set {GIVEN}")
    with tempfile.TemporaryDirectory(prefix="tocsin-pg-", ignore_cleanup_errors=True) as name:
        folder, user = Path(name), _other_user()
        if user:
            shutil.chown(folder, user)
        data, log = folder / "data", folder / "log"
        # no port is taken from anybody, and the socket's path is short, as it has to be
        options = f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off"
        _run(user, programs / "initdb", "-D", data, "-U", "tocsin", "--auth=trust", "-E", "UTF8", "--no-sync")
        try:
            _run(user, programs / "pg_ctl", "start", "-w", "-D", data, "-l", log, "-o", options)
            yield f"postgresql://tocsin@/postgres?host={folder}"
        finally:
            _run(user, programs / "pg_ctl", "stop", "-m", "immediate", "-D", data)


@contextmanager
def empty_database(server_url: str) -> Iterator[str]:
    """URL of a new database, dropped after the block."""
    psycopg = pytest.importorskip("psycopg", reason="the postgres extra is not installed")
    name = f"tocsin_test_{uuid4().hex}"
    url = make_url(server_url)
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        try:
            yield url.set(database=name).render_as_string(hide_password=False)
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _run(user: str | None, *command: str | Path) -> None:
    subprocess.run(
        list(map(str, command)),
        user=user,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        check=True,
    )

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
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Server:
    """One that is ours, so that it may be stopped and started again. `programs`: folder of pg_ctl."""

    programs: Path
    folder: Path
    user: str | None
    options: str = ""

    @property
    def url(self) -> str:
        return f"postgresql://tocsin@/postgres?host={self.folder}"

    def start(self) -> None:
        """Start, or start again with the same data; waits until clients are served."""
        # no port is taken from anybody, and the socket's path is short, as it has to be
        options = f"-c listen_addresses= -c unix_socket_directories={self.folder} -c fsync=off {self.options}"
        log = self.folder / "log"
        self._run("pg_ctl", "start", "-w", "-D", self.folder / "data", "-l", log, "-o", options)

    def crash(self) -> None:
        """End at once, as by a power cut: what was not committed is lost."""
        self._run("pg_ctl", "stop", "-m", "immediate", "-D", self.folder / "data")

    def make(self) -> None:
        """Make an empty cluster of databases."""
        data = ("-D", self.folder / "data", "-U", "tocsin")
        self._run("initdb", *data, "--auth=trust", "-E", "UTF8", "--no-sync")

    def _run(self, program: str, *arguments: str | Path) -> None:
        subprocess.run(
            [str(self.programs / program), *map(str, arguments)],
            user=self.user,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            check=True,
        )


@contextmanager
def own(options: str = "") -> Iterator[Server]:
    """A server of our own, with options such as `-c NAME=VALUE`. Skips the test where there is none."""
    programs = _programs()
    if programs is None:
        absent(f"PostgreSQL is not here: install its package, or set {GIVEN}")
    with tempfile.TemporaryDirectory(prefix="tocsin-pg-", ignore_cleanup_errors=True) as name:
        started = Server(programs, Path(name), _other_user(), options)
        if started.user:
            shutil.chown(started.folder, started.user)
        started.make()
        try:
            started.start()
            yield started
        finally:
            started.crash()


@contextmanager
def server() -> Iterator[str]:
    """URL of a server where databases may be created. Skips the test where there is none."""
    if given := os.environ.get(GIVEN):
        yield given
        return
    with own() as started:
        yield started.url


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
        with psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")

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
        self.stop("immediate")

    def stop(self, mode: str = "fast") -> None:
        """End in one of `pg_ctl`'s modes."""
        self._run("pg_ctl", "stop", "-m", mode, "-D", self.folder / "data")

    @property
    def pid(self) -> int:
        """Of the server, while it runs."""
        return int((self.folder / "data" / "postmaster.pid").read_text(encoding="utf-8").split()[0])

    def make(self, *authentication: str) -> None:
        """Make an empty cluster of databases, by default one that trusts whoever reaches it."""
        data = ("-D", self.folder / "data", "-U", "tocsin")
        self._run("initdb", *data, "-E", "UTF8", "--no-sync", *(authentication or ("--auth=trust",)))

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


def started_in(folder: Path, options: str) -> Server:
    """A server that outlives this process, user and password `tocsin`. Raises FileNotFoundError."""
    programs = _programs()
    if programs is None:
        raise FileNotFoundError("PostgreSQL is not here: install its package")
    server = Server(programs, folder, _other_user(), options)
    if server.user:
        shutil.chown(folder, server.user)
    secret = folder / "password"
    secret.write_text("tocsin", encoding="utf-8")
    secret.chmod(0o644)  # read by initdb only, as another user
    server.make("--auth-host=scram-sha-256", "--auth-local=trust", f"--pwfile={secret}")
    secret.unlink()
    server.start()
    return server


def stop_in(folder: Path) -> None:
    """End the server of a folder, when what its clients do is done."""
    programs = _programs()
    if programs is not None and (folder / "data" / "postmaster.pid").exists():
        Server(programs, folder, _other_user()).stop()


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

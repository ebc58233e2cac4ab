"""Databases that services share in a test: a file, or one of a server. Tests nothing itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests import postgres
from tests.e2e.command import tocsin

KINDS = ("sqlite", "postgresql")
SQLITE = "sqlite:///audit.db"


@contextmanager
def ready(kind: str, folder: Path) -> Iterator[str]:
    """URL of a database that is ready for services that are started in the folder."""
    if kind == "sqlite":
        yield SQLITE
        return
    with postgres.server() as server, postgres.empty_database(server) as url:
        assert tocsin(folder, "db", "upgrade", "--db", url).code == 0
        yield url

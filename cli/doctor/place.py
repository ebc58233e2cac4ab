"""Where state goes: the state directory and the database."""

import tempfile
from pathlib import Path

import migrations
from cli.doctor.check import Check, failed, ok
from pipeline.errors import StoreError, TocsinError, UsageError
from pipeline.settings import Settings
from sink import schema
from sink.database import connect, file_of, parse_url, shown

_ANOTHER_DATABASE = "name a database you may use with --db or TOCSIN_DB"


def check_state_directory(settings: Settings) -> Check:
    """The folder of the events socket; `run` makes it."""
    name, folder = "state directory", settings.events_socket.parent
    if problem := _unwritable(folder):
        remedy = "make it writable for this user, or set TOCSIN_EVENTS_SOCKET and TOCSIN_DB to other places"
        return failed(name, problem, remedy)
    return ok(name, f"{folder} is writable" if folder.exists() else f"{folder} can be made")


async def check_database(settings: Settings) -> Check:
    """Reachable, and of this version's schema; a file that `run` will make is as good."""
    name = "database"
    try:
        url = parse_url(settings.db)
        file = file_of(url)
        if file is not None and not file.exists():
            return _file_to_come(name, file)
        async with connect(url, writes=False) as engine:
            found = await schema.current(engine)  # reachable?
            try:
                await schema.prepare(engine, create=False)
            except StoreError as error:
                return failed(name, str(error), f"do what it says, or {_ANOTHER_DATABASE}")
    except TocsinError as error:
        remedy = "do what it says" if isinstance(error, UsageError) else "start it and let this user in"
        return failed(name, str(error), f"{remedy}, or {_ANOTHER_DATABASE}")
    newer = f", newer than this tocsin's {migrations.HEAD}, which may use it" if found.is_newer else ""
    return ok(name, f"{shown(url)}, schema {found.revision}{newer}")


def _file_to_come(name: str, file: Path) -> Check:
    if problem := _unwritable(file.absolute().parent):
        return failed(name, f"{file} cannot be made: {problem}", _ANOTHER_DATABASE)
    return ok(name, f"{file} is not there yet; `tocsin run` makes it")


def _unwritable(folder: Path) -> str:
    """Why a folder, or the nearest one above it that exists, cannot be written to; tried, not looked up."""
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    try:
        with tempfile.TemporaryDirectory(dir=existing, prefix=".tocsin-doctor-"):
            return ""
    except OSError as error:
        return f"{existing}: {error.strerror}"

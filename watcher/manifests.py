"""Which files are meant: paths as a user names them, to manifest files in a stable order."""

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePath

STDIN = "-"
SUFFIXES = (".yaml", ".yml", ".json")


class Trouble(StrEnum):
    """Why a path cannot be used."""

    MISSING = "missing"
    EMPTY = "empty"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class PathProblem:
    """A path without manifests to read. `named`: the user named it, so that it is the user's to mend."""

    path: str
    trouble: Trouble
    message: str
    named: bool

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


@dataclass(frozen=True, slots=True)
class ManifestFile:
    """A file to read. `path` opens it, `name` is what it is called in events and messages."""

    path: str
    name: str
    named: bool

    @property
    def is_json(self) -> bool:
        """Whether its name says that it is JSON."""
        return self.path.lower().endswith(".json")


@dataclass(frozen=True, slots=True)
class Listing:
    """What was found: each file once, in the order of the paths, then by name."""

    files: tuple[ManifestFile, ...]
    problems: tuple[PathProblem, ...]


def find(paths: Sequence[str]) -> Listing:
    """The manifests at these paths.

    A folder is searched to the bottom for `*.yaml`, `*.yml` and `*.json`; what
    is hidden in it (`.git`, an editor's lock file) is not looked at. A file that
    several paths lead to is found once. `-` is standard input.
    """
    files: dict[str, ManifestFile] = {}
    problems: list[PathProblem] = []
    for path in paths:
        for found in _find_at(path):
            if isinstance(found, PathProblem):
                problems.append(found)
            else:
                files.setdefault(found.path if found.path == STDIN else os.path.realpath(found.path), found)
    return Listing(tuple(files.values()), tuple(problems))


def display_name(path: str) -> str:
    """A path as text that any output can hold: bytes that are not UTF-8 are escaped."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def plain_path(path: str) -> str:
    """What the path is called in events and messages."""
    return path if path == STDIN else display_name(_plain(path))


def _plain(path: str) -> str:
    """`./a//b/` is `a/b`: one identity however it is written."""
    return str(PurePath(path))


def _find_at(path: str) -> Iterator[ManifestFile | PathProblem]:
    """Everything at one path the user named."""
    if path == STDIN:
        yield ManifestFile(STDIN, STDIN, named=True)
        return
    path = _plain(path)
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116 - paths are text here, as users and events have them
    except (OSError, ValueError) as error:
        yield _problem(path, error, named=True)
        return
    if not stat.S_ISDIR(mode):
        if _is_endless(path, mode):
            message = "a device, expected a file or a folder"
            yield PathProblem(display_name(path), Trouble.UNREADABLE, message, named=True)
        else:
            yield ManifestFile(path, display_name(path), named=True)
        return
    empty = True
    for found in _walk(path, named=True, above=frozenset()):
        empty = empty and isinstance(found, PathProblem) and not found.named
        yield found
    if empty:
        message = f"no manifest in this folder: looked for {', '.join('*' + suffix for suffix in SUFFIXES)}"
        yield PathProblem(display_name(path), Trouble.EMPTY, message, named=True)


def _is_endless(path: str, mode: int) -> bool:
    """Devices such as /dev/zero never end; a terminal does, when its user says so."""
    if stat.S_ISSOCK(mode) or stat.S_ISBLK(mode):
        return True
    if not stat.S_ISCHR(mode) or path == os.devnull:
        return False
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError:
        return True
    try:
        return not os.isatty(descriptor)
    finally:
        os.close(descriptor)


def _walk(
    folder: str, *, named: bool, above: frozenset[tuple[int, int]]
) -> Iterator[ManifestFile | PathProblem]:
    """Manifests in a folder and below it. `above`: the folders on the way, so that a symlink cannot loop."""
    try:
        status = os.stat(folder)  # noqa: PTH116 - see above
        identity = (status.st_dev, status.st_ino)
        if identity in above:
            return
        with os.scandir(folder) as entries:
            ordered = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        if named or not isinstance(error, FileNotFoundError):
            yield _problem(folder, error, named=named)
        return
    for entry in ordered:
        if entry.name.startswith("."):
            continue
        path = _plain(entry.path)
        try:
            is_folder, is_file = entry.is_dir(), entry.is_file()
        except OSError as error:
            yield _problem(path, error, named=False)
            continue
        if is_folder:
            yield from _walk(path, named=False, above=above | {identity})
        elif is_file and entry.name.lower().endswith(SUFFIXES):
            yield ManifestFile(path, display_name(path), named=False)


def _problem(path: str, error: Exception, *, named: bool) -> PathProblem:
    missing = isinstance(error, FileNotFoundError | NotADirectoryError)
    message = "no such file or folder" if missing else reason(error)
    trouble = Trouble.MISSING if missing else Trouble.UNREADABLE
    return PathProblem(display_name(path), trouble, message, named)


def reason(error: Exception) -> str:
    """What the operating system says, without the path."""
    text = error.strerror if isinstance(error, OSError) else None
    return f"cannot be read: {text or error}"

"""Which files changed since they were last read."""

import os
import stat
import time
from collections.abc import Sequence
from dataclasses import dataclass

from watcher.manifests import STDIN, Listing, ManifestFile, Trouble, find

_Signature = tuple[int, ...]
_RACY_SECONDS = 2.0
"""A file written so lately may be written again without its times showing it: read it again next time."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What to read, and what is gone. `shielded`: paths whose files may be there, but cannot be seen."""

    listing: Listing
    due: tuple[ManifestFile, ...]
    gone: tuple[str, ...]
    shielded: tuple[str, ...]


class Snapshot:
    """The files at some paths as they were when last looked at. `racy`: in seconds, see above."""

    def __init__(self, paths: Sequence[str], racy: float = _RACY_SECONDS) -> None:
        self._paths = paths
        self._racy = racy
        self._signatures: dict[str, _Signature | None] = {}

    def look(self, known: frozenset[str]) -> Difference:
        """Compare with the disk; blocking. `known`: files that have something published."""
        listing = _without_empty(find(self._paths))
        listed = {file.name: file for file in listing.files}
        shielded = tuple(
            problem.path for problem in listing.problems if problem.trouble is Trouble.UNREADABLE
        )
        signatures = {name: _signature(file) for name, file in listed.items()}
        due = tuple(
            file
            for name, file in listed.items()
            if name not in self._signatures
            or signatures[name] is None
            or signatures[name] != self._signatures[name]
        )
        gone = tuple(
            name
            for name in sorted(known | self._signatures.keys())
            if name not in listed and not is_below(name, shielded)
        )
        self._signatures = {name: self._settled(signature) for name, signature in signatures.items()}
        return Difference(listing, due, gone, shielded)

    def _settled(self, signature: _Signature | None) -> _Signature | None:
        """The signature, if the file has been left alone for a while."""
        if signature and abs(time.time() - signature[-1] / 1e9) < self._racy:
            return None
        return signature


def _without_empty(listing: Listing) -> Listing:
    """A folder that is followed may be empty for now: nothing to report."""
    problems = [problem for problem in listing.problems if problem.trouble is not Trouble.EMPTY]
    return Listing(listing.files, tuple(problems))


def is_below(name: str, paths: Sequence[str]) -> bool:
    """Whether a file is one of these paths, or in one of these folders."""
    return any(name == path or name.startswith(_folder(path)) or _is_here(name, path) for path in paths)


def _folder(path: str) -> str:
    return path.rstrip("/") + "/"


def _is_here(name: str, path: str) -> bool:
    """Whether the path is the working directory, whose files are named without it."""
    return path == "." and name not in ("", STDIN) and not name.startswith(("/", "../"))


def _signature(file: ManifestFile) -> _Signature | None:
    """What tells one content of a file from another; None where nothing does. A stream is read once."""
    if file.path == STDIN:
        return ()
    try:
        status = os.stat(file.path)  # noqa: PTH116 - paths are text here
    except OSError:
        return None
    if not stat.S_ISREG(status.st_mode):
        return ()
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)

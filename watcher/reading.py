"""Files to findings: opens, splits, decodes and reads, one document at a time.

Blocking, and as slow as the files are: it runs in a thread of its own (`watcher.pump`).
"""

import io
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline.settings import SourceSettings
from watcher.ahead.read import ReadAhead
from watcher.contents import Content, Malformed
from watcher.documents import Part, Place
from watcher.manifests import STDIN, ManifestFile, PathProblem, Trouble, reason
from watcher.objects import PassedOver, Policy, Problem, Resource
from watcher.records import Failure, Identities, failure_of
from watcher.splitting import split

_BUFFER = 2**18


@dataclass(frozen=True, slots=True)
class FoundResource:
    """A resource, its identity, and its file."""

    file: str
    uid: str
    resource: Resource


@dataclass(frozen=True, slots=True)
class FoundPolicy:
    """A policy, and where it is."""

    file: str
    place: Place
    policy: Policy


@dataclass(frozen=True, slots=True)
class EndOfFile:
    """The file was read to its end; `problem` where it could not be. One that is gone holds nothing."""

    file: str
    problem: PathProblem | None = None


Key = tuple[str, Place] | EndOfFile

Found = FoundResource | FoundPolicy | PassedOver | Failure | EndOfFile


def read_files(
    files: Sequence[ManifestFile], settings: SourceSettings, *, config_maps: bool = False
) -> Iterator[Found]:
    """Everything in these files, in order; after each file its EndOfFile. Raises nothing for bad input.

    `config_maps`: see `watcher.objects.read`.
    """
    identities: Identities | None = None
    ahead = ReadAhead[Key](settings.namespace, config_maps=config_maps)
    for key, contents in ahead.read(parts_of(files, settings.max_document_bytes)):
        if isinstance(key, EndOfFile):
            identities = None
            yield key
            continue
        file, place = key
        if identities is None:
            identities = Identities(settings.cluster, file)
        for content in contents:
            yield _found(file, place, content, identities)


def parts_of(files: Sequence[ManifestFile], cap: int) -> Iterator[tuple[Key, Part | None]]:
    """The documents of all files, each with its file and place, and after those of each file its end."""
    for file in files:
        try:
            with _open(file) as stream:
                for part in split(stream, cap, named_json=file.is_json):
                    yield (file.name, part.place), part
        except FileNotFoundError as error:
            # in a folder: deleted since it was listed, so it is as if it had never been there
            missing = PathProblem(file.name, Trouble.MISSING, reason(error), named=True)
            yield EndOfFile(file.name, missing if file.named else None), None
        except OSError as error:
            problem = PathProblem(file.name, Trouble.UNREADABLE, reason(error), file.named)
            yield EndOfFile(file.name, problem), None
        else:
            yield EndOfFile(file.name), None


def _open(file: ManifestFile) -> io.BufferedReader:
    """Open for reading. A pipe that nobody writes to is at its end, and does not block."""
    if file.path == STDIN:
        # not sys.stdin: a thread that waits in it would keep the interpreter from exiting
        return io.BufferedReader(io.FileIO(0, closefd=False), _BUFFER)
    descriptor = os.open(file.path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISDIR(mode):
        os.close(descriptor)
        raise IsADirectoryError(0, "it became a folder")
    os.set_blocking(descriptor, True)
    return io.BufferedReader(io.FileIO(descriptor), _BUFFER)


def _found(file: str, place: Place, content: Content, identities: Identities) -> Found:
    match content:
        case Resource():
            return FoundResource(file, identities.uid_of(content), content)
        case Policy():
            return FoundPolicy(file, place, content)
        case Problem():
            return failure_of(file, place, content)
        case PassedOver():
            return content
        case Malformed(line=line, message=message):
            return Failure(file, message, Place(place.number, line, place.item))

"""Files to findings: opens, splits, decodes and reads, one document at a time.

Blocking, and as slow as the files are: it runs in a thread of its own (`watcher.pump`).
"""

import io
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline.settings import SourceSettings
from watcher import objects, values
from watcher.documents import BrokenDocument, ByteStream, ContentError, Part, Place
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


Found = FoundResource | FoundPolicy | PassedOver | Failure | EndOfFile


def read_files(files: Sequence[ManifestFile], settings: SourceSettings) -> Iterator[Found]:
    """Everything in these files, in order; after each file its EndOfFile. Raises nothing for bad input."""
    for file in files:
        yield from _read_file(file, settings)


def _read_file(file: ManifestFile, settings: SourceSettings) -> Iterator[Found]:
    try:
        with _open(file) as stream:
            yield from _read_stream(stream, file, settings)
    except FileNotFoundError as error:
        # in a folder: deleted since it was listed, so it is as if it had never been there
        problem = PathProblem(file.name, Trouble.MISSING, reason(error), named=True) if file.named else None
        yield EndOfFile(file.name, problem)
    except OSError as error:
        problem = PathProblem(file.name, Trouble.UNREADABLE, reason(error), file.named)
        yield EndOfFile(file.name, problem)
    else:
        yield EndOfFile(file.name)


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


def _read_stream(stream: ByteStream, file: ManifestFile, settings: SourceSettings) -> Iterator[Found]:
    identities = Identities(settings.cluster, file.name)
    for part in split(stream, settings.max_document_bytes, named_json=file.is_json):
        for finding in _read_part(part, settings.namespace):
            match finding:
                case Resource():
                    yield FoundResource(file.name, identities.uid_of(finding), finding)
                case Policy():
                    yield FoundPolicy(file.name, part.place, finding)
                case Problem():
                    yield failure_of(file.name, part.place, finding)
                case PassedOver():
                    yield finding
                case ContentError():
                    place = Place(part.place.number, finding.line, part.place.item)
                    yield Failure(file.name, str(finding), place)


def _read_part(part: Part, namespace: str) -> Iterator[objects.Finding | ContentError]:
    if isinstance(part, BrokenDocument):
        yield Problem(part.message)
        return
    try:
        value = values.decode(part)
    except ContentError as error:
        yield error
        return
    yield from objects.read(value, namespace, part.list_kind)

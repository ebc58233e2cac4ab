"""Files to waivers: the valid ones of each file, and what is wrong with the others. Blocking."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pipeline.settings import SourceSettings
from pipeline.waivers import WAIVER_KIND, WaiverApplied
from watcher.contents import Content, Malformed, read_part
from watcher.documents import Part, Place
from watcher.manifests import ManifestFile
from watcher.objects import PassedOver, Problem
from watcher.reading import EndOfFile, parts_of
from watcher.records import Failure, failure_of
from watcher.waivers.document import InvalidWaiverError, Limits, name_of, parse


@dataclass(frozen=True, slots=True)
class FoundWaiver:
    """A valid waiver, and where it is."""

    file: str
    place: Place
    waiver: WaiverApplied


@dataclass(frozen=True, slots=True)
class Choice:
    """Waivers by name, and a failure for each that has no place among them."""

    used: dict[str, FoundWaiver]
    repeated: tuple[Failure, ...]


Found = FoundWaiver | Failure | EndOfFile


def read_files(files: Sequence[ManifestFile], settings: SourceSettings, limits: Limits) -> Iterator[Found]:
    """The waivers in these files, in order; after each file its EndOfFile. Other kinds are passed over."""
    for key, part in parts_of(files, settings.max_document_bytes):
        if isinstance(key, EndOfFile):
            yield key
        elif part is not None:
            file, place = key
            yield from read_document(part, file, place, settings, limits)


def read_document(
    part: Part, file: str, place: Place, settings: SourceSettings, limits: Limits
) -> Iterator[FoundWaiver | Failure]:
    """The waivers of one document. `file`: what messages call it."""
    for content in read_part(part, settings.namespace):
        found = _found(content, file, place, settings.cluster, limits)
        if found is not None:
            yield found


def _found(
    content: Content, file: str, place: Place, cluster: str, limits: Limits
) -> FoundWaiver | Failure | None:
    match content:
        case PassedOver(waiver=dict() as body):
            try:
                return FoundWaiver(file, place, parse(body, cluster, file, limits))
            except InvalidWaiverError as error:
                return Failure(file, f"{name_of(body)}: {error}", place)
        case Problem():
            return failure_of(file, place, content)
        case Malformed(line=line, message=message):
            return Failure(file, message, Place(place.number, line, place.item))
        case _:
            return None


def choose(found: Iterable[FoundWaiver]) -> Choice:
    """The first waiver of each name; every other one of that name names both files."""
    used: dict[str, FoundWaiver] = {}
    repeated: list[Failure] = []
    for each in found:
        name = each.waiver.name
        first = used.setdefault(name, each)
        if first is not each:
            message = (
                f"{WAIVER_KIND} {name} is already in {first.file}:{first.place.line}, "
                "which is used; give this one another name"
            )
            repeated.append(Failure(each.file, message, each.place))
    return Choice(used, tuple(repeated))

"""One document to what is in it. Pure, and the same in the process that reads ahead (`watcher.ahead`)."""

from collections.abc import Iterator

import msgspec

from watcher import objects, values
from watcher.documents import BrokenDocument, ContentError, Part
from watcher.objects import PassedOver, Policy, Problem, Resource


class Malformed(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """A document that is neither YAML nor JSON, and the file's line that says so."""

    line: int
    message: str


Content = Resource | Policy | PassedOver | Problem | Malformed


def read_part(part: Part, namespace: str, *, config_maps: bool = False) -> Iterator[Content]:
    """What a document holds; for the rest see `watcher.objects.read`. Raises nothing for bad input."""
    if isinstance(part, BrokenDocument):
        yield Problem(part.message)
        return
    try:
        value = values.decode(part)
    except ContentError as error:
        yield Malformed(error.line, str(error))
        return
    yield from objects.read(value, namespace, part.list_kind, config_maps=config_maps)

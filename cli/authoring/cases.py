"""The objects of a policy's tests, split and decoded as the watcher does it.

What Kubernetes would not take for an object (`privileged: "false"`) is a case all
the same: a policy may have something to say of it, and its author wants to know.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cli.authoring.discovery import TestFile
from cli.authoring.layout import Expected, expected_of
from pipeline.events import ResourceApplied, ResourceRef, subject_of
from pipeline.settings import SourceSettings
from watcher import objects, values
from watcher.documents import BrokenDocument, ContentError, Part, Place
from watcher.manifests import reason
from watcher.objects import PassedOver, Policy, Problem, Resource
from watcher.records import Failure, failure_of
from watcher.splitting import split

EXPECT = "tocsin.dev/expect"
"""Annotation of an object: a part of the message it must get."""


@dataclass(frozen=True, slots=True)
class Case:
    """One object and what a policy must say of it. `message`: what must be in its message."""

    file: str
    line: int
    expected: Expected
    message: str
    applied: ResourceApplied

    @property
    def resource(self) -> str:
        """`namespace/Kind/name`."""
        return subject_of(self.applied.resource)


def read_cases(files: Iterable[TestFile], settings: SourceSettings) -> Iterator[Case | Failure]:
    """Every object of these files, or why there is none."""
    for test in files:
        expected = expected_of(test.file.path, test.home)
        if expected is None:
            words = ", ".join(Expected)
            yield Failure(test.file.name, f"its name does not say what to expect: name it one of {words}")
            continue
        empty = True
        for found in _read_file(test, expected, settings):
            empty = False
            yield found
        if empty:
            yield Failure(test.file.name, "there is no object in this file")


def _read_file(test: TestFile, expected: Expected, settings: SourceSettings) -> Iterator[Case | Failure]:
    file = test.file
    try:
        with Path(file.path).open("rb") as stream:
            for part in split(stream, settings.max_document_bytes, named_json=file.is_json):
                yield from _read_part(part, file.name, expected, settings)
    except OSError as error:
        yield Failure(file.name, reason(error))


def _read_part(
    part: Part, file: str, expected: Expected, settings: SourceSettings
) -> Iterator[Case | Failure]:
    place = part.place
    if isinstance(part, BrokenDocument):
        yield Failure(file, part.message, place)
        return
    try:
        value = values.decode(part)
    except ContentError as error:
        yield Failure(file, str(error), Place(place.number, error.line, place.item))
        return
    for found in objects.read(value, settings.namespace, part.list_kind):
        match found:
            case Resource(ref=ref, object=body):
                yield _case(file, place, expected, ref, body)
            case Problem(resource=ref) if ref is not None and ref.name and _has_metadata(value):
                yield _case(file, place, expected, ref, value)
            case Problem():
                yield failure_of(file, place, found)
            case Policy(name=name):
                yield Failure(file, f"{name} is a policy, expected an object for one", place)
            case PassedOver(kind=kind):
                yield Failure(file, f"{kind} is no workload, so no policy applies to it", place)


def _has_metadata(value: Any) -> bool:
    """Whether a document is one object, as far as it has to be one for a case."""
    return isinstance(value, dict) and isinstance(value.get("metadata"), dict)


def _case(file: str, place: Place, expected: Expected, ref: ResourceRef, body: dict[str, Any]) -> Case:
    body, message = _without_annotation(body)
    # No cluster, no digest: nothing of a test is remembered.
    applied = ResourceApplied(cluster="", resource=ref, digest="", object=body, file=file)
    return Case(file, place.line, expected, message, applied)


def _without_annotation(body: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """The object as the policy shall see it, and what the annotation said."""
    metadata = body["metadata"]
    annotations = metadata.get("annotations")
    if not isinstance(annotations, dict) or EXPECT not in annotations:
        return body, ""
    left = {name: text for name, text in annotations.items() if name != EXPECT}
    kept = {name: value for name, value in metadata.items() if name != "annotations"}
    return {**body, "metadata": {**kept, "annotations": left} if left else kept}, str(annotations[EXPECT])

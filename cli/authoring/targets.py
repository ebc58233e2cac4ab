"""What `tocsin policies explain` is asked about: one policy, and some objects."""

import os
from pathlib import Path

import catalog
from cli.authoring.sources import PolicySource, read_policies
from pipeline.errors import UsageError
from pipeline.events import ResourceApplied, ResourceRef
from pipeline.settings import SourceSettings
from watcher.manifests import ManifestFile, PathProblem, display_name, find
from watcher.reading import EndOfFile, FoundResource, read_files
from watcher.records import Failure, resource_applied


def find_policy(named: str, settings: SourceSettings) -> PolicySource:
    """The policy in FILE, or FILE:NAME, or NAME of the catalog. Raises UsageError."""
    path, name = (named, "") if os.path.exists(named) else _split(named)  # noqa: PTH110 - paths are text here
    if os.path.isdir(path):  # noqa: PTH112
        raise UsageError(f"{display_name(path)}: a folder, expected the file of one policy")
    if not os.path.exists(path):  # noqa: PTH110
        return _of_catalog(named, settings)
    sources, failures = read_policies([ManifestFile(path, display_name(path), named=True)], settings)
    found = [source for source in sources if name in ("", source.found.policy.name)]
    if len(found) == 1:
        return found[0]
    if len(found) > 1:
        first = found[0].found
        names = ", ".join(source.found.policy.name for source in found)
        raise UsageError(f"{first.file} holds several policies ({names}): say {first.file}:NAME")
    if failures:
        raise UsageError(failures[0].text)
    raise UsageError(f"{display_name(path)}: no policy{f' {name}' if name else ''} in this file")


def read_objects(named: str, settings: SourceSettings) -> tuple[list[ResourceApplied], list[Failure]]:
    """The objects of FILE, FILE:KIND/NAME or FILE:NAMESPACE/KIND/NAME, and what could not be read.

    Raises UsageError where there is none.
    """
    path, wanted = (named, "") if os.path.exists(named) else _split(named)  # noqa: PTH110 - see above
    listing = find([path])
    for problem in listing.problems:
        if problem.named:
            raise UsageError(str(problem))
    objects: list[ResourceApplied] = []
    failures: list[Failure] = []
    for found in read_files(listing.files, settings):
        match found:
            case FoundResource(file=file, uid=uid, resource=resource):
                if _is_meant(resource.ref, wanted):
                    objects.append(resource_applied(settings.cluster, file, resource, uid))
            case Failure():
                if found.resource is None or _is_meant(found.resource, wanted):
                    failures.append(found)
            case EndOfFile(problem=PathProblem() as trouble):
                raise UsageError(str(trouble))
            case _:
                pass
    if not objects and not failures:
        raise UsageError(f"{display_name(path)}: no workload{f' {wanted}' if wanted else ''} to judge")
    return objects, failures


def _split(named: str) -> tuple[str, str]:
    """`FILE:REST`; the file may be `-`."""
    path, colon, rest = named.rpartition(":")
    return (path, rest) if colon and path else (named, "")


def _is_meant(ref: ResourceRef, wanted: str) -> bool:
    """Whether an object has this kind and name, as kubectl reads them: a kind in any case."""
    if not wanted:
        return True
    parts = [part.casefold() if place == 1 else part for place, part in enumerate(_padded(wanted))]
    return all(part in ("", own) for part, own in zip(parts, _names(ref), strict=True))


def _padded(wanted: str) -> list[str]:
    parts = wanted.split("/")
    return [*[""] * (3 - len(parts)), *parts] if len(parts) <= 3 else ["\0"] * 3  # noqa: PLR2004


def _names(ref: ResourceRef) -> tuple[str, str, str]:
    return ref.namespace, ref.kind.casefold(), ref.name


def _of_catalog(name: str, settings: SourceSettings) -> PolicySource:
    root = catalog.baseline().parent
    paths = sorted(path for path in root.glob("*/*.yaml") if path.parent.name != "examples")
    files = [ManifestFile(str(path), _short(path), named=False) for path in paths]
    sources, _ = read_policies(files, settings)
    for source in sources:
        if source.found.policy.name == name:
            return source
    raise UsageError(f"{display_name(name)}: no such file, and no policy of the catalog has this name")


def _short(path: Path) -> str:
    """A path as a user in this folder would write it."""
    return display_name(str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path))

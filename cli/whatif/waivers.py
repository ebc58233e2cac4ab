"""The waivers that count in a comparison: those of the database, and new ones in place of some."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from cli.wire import now
from evaluator.waivers import Waivers
from pipeline.errors import UsageError
from pipeline.settings import Settings
from pipeline.waivers import WaiverApplied, waiver_key
from watcher.manifests import find
from watcher.reading import EndOfFile
from watcher.waivers.files import limits_of
from watcher.waivers.reading import FoundWaiver, choose, read_files


@dataclass(frozen=True, slots=True)
class NewWaivers:
    """`files`: that were read. `problems`: a line for each that is not valid."""

    waivers: tuple[WaiverApplied, ...] = ()
    files: frozenset[str] = frozenset()
    problems: tuple[str, ...] = ()


def read_waivers(paths: Sequence[str], settings: Settings) -> NewWaivers:
    """Those of files and folders. Raises UsageError for a path that cannot be read."""
    if not paths:
        return NewWaivers()
    listing = find(paths)
    if named := [problem for problem in listing.problems if problem.named]:
        raise UsageError(str(named[0]))
    found: list[FoundWaiver] = []
    problems = [*map(str, listing.problems)]
    for each in read_files(listing.files, settings.source, limits_of(settings.source, now)):
        match each:
            case FoundWaiver():
                found.append(each)
            case EndOfFile(problem=problem):
                problems += [str(problem)] if problem else []
            case _:
                problems.append(each.text)
    choice = choose(found)
    problems += [failure.text for failure in choice.repeated]
    waivers = tuple(each.waiver for each in choice.used.values())
    return NewWaivers(waivers, frozenset(file.name for file in listing.files), tuple(problems))


def counting(known: Mapping[str, WaiverApplied], new: NewWaivers, clusters: Iterable[str]) -> Waivers:
    """What the database has, less what it has of the files that were read anew, and what they say now.

    The new ones are for each of the clusters: `match` says for which of them they are.
    """
    waivers = Waivers()
    for key, each in known.items():
        if each.file not in new.files:
            waivers.put(key, each)
    for cluster in clusters:
        for each in new.waivers:
            waivers.put(waiver_key(cluster, each.name), replace(each, cluster=cluster))
    return waivers

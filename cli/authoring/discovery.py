"""From the paths a user names to policies, each with the files of its tests.

A folder is searched for policies and for tests. Tests that are named without
their policy (`tocsin policies test policies/web.test`) find it by the layout.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cli.authoring.layout import home_of, homes, policies_of
from cli.authoring.sources import PolicySource, read_policies
from pipeline.settings import SourceSettings
from watcher.manifests import SUFFIXES, Listing, ManifestFile, PathProblem, display_name, find
from watcher.records import Failure


@dataclass(frozen=True, slots=True)
class TestFile:
    """A file of objects, and the folder of tests it belongs to."""

    __test__ = False  # not for pytest to collect

    file: ManifestFile
    home: Path


@dataclass(frozen=True, slots=True)
class Suite:
    """A policy and the files of its tests; none where it has no tests."""

    source: PolicySource
    files: tuple[TestFile, ...]


@dataclass(frozen=True, slots=True)
class Discovery:
    """What there is to test. `problems`: of paths the user named; `failures`: of what was found there."""

    suites: tuple[Suite, ...]
    failures: tuple[Failure, ...]
    problems: tuple[PathProblem, ...]


def discover(paths: Sequence[str], settings: SourceSettings) -> Discovery:
    """Find policies and tests; blocking. Raises nothing for what is wrong with them."""
    listing = find(paths)
    files = [_plainly_named(file) for file in listing.files]
    placed = [(file, home_of(file.path)) for file in files]
    sources, failures = read_policies((file for file, home in placed if home is None), settings)
    suites = [Suite(source, tuple(_tests_of(source))) for source in sources]
    claimed = {_identity(test) for suite in suites for test in suite.files}
    tests = [TestFile(file, home) for file, home in placed if home is not None]
    left = [test for test in tests if _identity(test) not in claimed]
    for home in dict.fromkeys(test.home for test in left):
        found, problem = _suites_for(home, tuple(test for test in left if test.home == home), settings)
        suites += found
        failures += problem
    return Discovery(tuple(suites), tuple(failures), _of_paths(listing))


def _tests_of(source: PolicySource) -> Iterator[TestFile]:
    for folder in homes(source.path, iter(source.names)):
        if os.path.isdir(folder):  # noqa: PTH112 - paths are text here, as users and events have them
            for file in find([folder]).files:
                home = home_of(file.path)
                if home is not None:
                    yield TestFile(file, home)


def _suites_for(
    home: Path, files: tuple[TestFile, ...], settings: SourceSettings
) -> tuple[list[Suite], list[Failure]]:
    """The policy of tests that were named without it; the failure that says where it ought to be."""
    folder, name = policies_of(home)
    sources, failures = read_policies(_beside(folder), settings)
    suites = [Suite(source, files) for source in sources if name in source.names]
    if suites:
        return suites, []
    where = display_name(os.path.relpath(home))
    ought = display_name(os.path.relpath(folder / f"{name}{SUFFIXES[0]}"))
    unreadable = [failure for failure in failures if Path(failure.file).stem == name]
    return [], unreadable or [Failure(where, f"tests of no policy: expected one in {ought}")]


def _beside(folder: Path) -> Iterator[ManifestFile]:
    """The manifests of a folder, not of those below it."""
    named = sorted(os.scandir(folder), key=lambda entry: entry.name) if folder.is_dir() else []
    for entry in named:
        if entry.is_file() and entry.name.lower().endswith(SUFFIXES) and not entry.name.startswith("."):
            path = os.path.relpath(entry.path)
            yield ManifestFile(path, display_name(path), named=False)


def _plainly_named(file: ManifestFile) -> ManifestFile:
    """What is in the current folder needs no `./` before it."""
    return replace(file, path=file.path.removeprefix("./"), name=file.name.removeprefix("./"))


def _identity(test: TestFile) -> str:
    return os.path.realpath(test.file.path)


def _of_paths(listing: Listing) -> tuple[PathProblem, ...]:
    return tuple(problem for problem in listing.problems if problem.named)


def untested(suites: Iterable[Suite]) -> Iterator[str]:
    """A line for each policy without tests."""
    for suite in suites:
        if not suite.files:
            found = suite.source.found
            beside = next(homes(found.file, iter(suite.source.names)))
            yield (
                f"{found.file}:{found.place.line}: policy {found.policy.name} has no tests: "
                f"put objects that must pass into {beside}/pass.yaml, and into fail.yaml beside it"
            )

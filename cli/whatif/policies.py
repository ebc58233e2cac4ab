"""The policies that somebody thinks of applying: read, loaded, and what is wrong with them."""

from collections.abc import Sequence
from dataclasses import dataclass

from cli.authoring.sources import read_policies
from cli.wire import policy_paths
from evaluator.loading import LoadedPolicy, load
from evaluator.rego.questions import Compiles
from pipeline.errors import UsageError
from pipeline.events import PolicyApplied
from pipeline.settings import Settings
from watcher.manifests import find
from watcher.policies import choose


@dataclass(frozen=True, slots=True)
class Candidates:
    """`failures`: what could not be read, a line each."""

    policies: tuple[PolicyApplied, ...]
    failures: tuple[str, ...]


def read_candidates(paths: Sequence[str], settings: Settings) -> Candidates:
    """Read policies of files, folders, `-`, sets of the catalog.

    Raises UsageError: a path that cannot be read, or none with a policy.
    """
    listing = find(policy_paths(paths))
    for problem in listing.problems:
        if problem.named:
            raise UsageError(str(problem))
    sources, failures = read_policies(listing.files, settings.source)
    choice = choose(source.found for source in sources)
    failures += choice.repeated
    if not sources and not failures:
        raise UsageError(f"{', '.join(paths)}: no ClusterImagePolicy in it")
    used = [source for source in sources if choice.used[source.found.policy.name] is source.found]
    texts = [*map(str, listing.problems), *(failure.text for failure in failures)]
    return Candidates(tuple(source.applied(settings.cluster) for source in used), tuple(texts))


async def load_candidates(
    applied: Sequence[PolicyApplied], compiler: Compiles, settings: Settings
) -> tuple[list[LoadedPolicy], list[str]]:
    """Those that can be evaluated, and a line for each that cannot.

    Objects that a cluster's watcher saw may be redacted, whatever settings say now.
    """
    loaded: list[LoadedPolicy] = []
    problems: list[str] = []
    for each in applied:
        policy, checked = await load(each, compiler, settings.evaluator.engine, redacted=True)
        if problem := checked.error or checked.unsupported:
            problems.append(f"{each.file}: policy {each.name}: {problem}")
        elif policy is not None:
            loaded.append(policy)
    return loaded, problems

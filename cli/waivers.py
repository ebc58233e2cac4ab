"""`tocsin waivers list` and `lint`: what is waived, and whether waivers say what they should."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cli.database import reader_of
from cli.invoke import reader_may_leave
from cli.options import ListFormat
from cli.render.items import write_items
from cli.render.text import counted, printable
from cli.render.waivers import Status, layout, status
from cli.since import parse_age
from cli.wire import now, policy_paths
from pipeline.errors import ExitCode, UsageError, clip
from pipeline.settings import Settings, load_settings
from pipeline.waivers import unknown_policies
from sink.queries.model import Waiver
from sink.queries.terms import terms
from sink.queries.waivers import list_waivers
from watcher.manifests import PathProblem, find
from watcher.reading import EndOfFile, FoundPolicy
from watcher.reading import read_files as read_policies
from watcher.records import Failure
from watcher.waivers.files import limits_of
from watcher.waivers.reading import FoundWaiver, choose, read_files


@dataclass(frozen=True, slots=True)
class Asked:
    """Which waivers, and how."""

    clusters: Sequence[str]
    expired: bool
    expiring: str | None
    unused: bool
    output: ListFormat


async def list_(asked: Asked, *, exit_code: bool, db: str | None) -> ExitCode:
    """Print waivers; what there is to say besides goes to stderr."""
    moment = datetime.now(UTC)
    within = parse_age(asked.expiring, "--expiring") if asked.expiring is not None else None
    async with reader_of(load_settings(db=db)) as reader:
        known = await list_waivers(reader, terms(asked.clusters))

    def wanted(waiver: Waiver) -> bool:
        state = status(waiver, moment)
        ends = within is not None and waiver.expires_at > moment and waiver.expires_at - moment <= within
        narrowed = asked.expired or asked.unused or within is not None
        return (
            not narrowed
            or ends
            or (asked.expired and state is Status.EXPIRED)
            or (asked.unused and state is Status.UNUSED)
        )

    found = [waiver for waiver in known if wanted(waiver)]
    with reader_may_leave():
        write_items(iter(found), asked.output, layout(moment), sys.stdout)
    if not found:
        sys.stderr.write(
            "No such waivers.\n"
            if known
            else "No waivers: `tocsin run` and `tocsin scan` load those of --waivers PATH.\n"
        )
    return ExitCode.VIOLATIONS if found and exit_code else ExitCode.OK


async def lint(paths: Sequence[str], policies: Sequence[str]) -> ExitCode:
    """Print a line for each thing that is wrong. Raises UsageError for a set of policies that is none."""
    settings = load_settings()
    listing = find(paths)
    unreadable = list(listing.problems)
    waivers: list[FoundWaiver] = []
    failures: list[Failure] = []
    for found in read_files(listing.files, settings.source, limits_of(settings.source, now)):
        match found:
            case FoundWaiver():
                waivers.append(found)
            case Failure():
                failures.append(found)
            case EndOfFile(problem=problem):
                unreadable += [problem] if problem else []
    if not (waivers or failures or unreadable):
        raise UsageError(f"{clip(', '.join(paths))}: no Waiver in it")
    choice = choose(waivers)
    used = [found.waiver for found in choice.used.values()]
    known = _names(policies, settings, unreadable) if policies else None
    for line in (*map(str, unreadable), *(each.text for each in (*failures, *choice.repeated))):
        sys.stdout.write(f"error: {printable(line)}\n")
    warnings = [line for found in choice.used.values() for line in _warnings(found, known)]
    sys.stdout.writelines(f"warning: {printable(line)}\n" for line in warnings)
    errors = len(failures) + len(choice.repeated)
    sys.stderr.write(f"{counted(len(used), 'waiver')}, {counted(errors, 'error')}, "
                     f"{counted(len(warnings), 'warning')}\n")  # fmt: skip
    if unreadable:
        return ExitCode.USAGE
    return ExitCode.VIOLATIONS if errors or warnings else ExitCode.OK


def _names(paths: Sequence[str], settings: Settings, unreadable: list[PathProblem]) -> frozenset[str]:
    """Of the policies at these paths."""
    listing = find(policy_paths(paths))
    unreadable += listing.problems
    found = read_policies(listing.files, settings.source)
    return frozenset(each.policy.name for each in found if isinstance(each, FoundPolicy))


def _warnings(found: FoundWaiver, known: frozenset[str] | None) -> Iterator[str]:
    waiver = found.waiver
    where = f"{found.file}:{found.place.line}: Waiver {waiver.name}"
    if waiver.expires <= now():
        yield f"{where}: expired {waiver.expires:%Y-%m-%d %H:%M} UTC; it waives nothing"
    for name in unknown_policies(waiver, known) if known is not None else ():
        yield f"{where}: there is no policy {name}"

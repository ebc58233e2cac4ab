"""`tocsin policies readiness`: what would be refused if policies that warn were enforced.

Asks the verdicts in the database; nothing is evaluated, since the mode changes no outcome.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cli.database import expect_recorded, reader_of
from cli.invoke import reader_may_leave
from cli.options import ListFormat, ReadinessBy
from cli.render.items import write_items
from cli.render.readiness import layout, refusals
from cli.since import parse_time
from pipeline.errors import EvaluationError, ExitCode, UsageError, clip
from pipeline.settings import load_settings
from sink.queries.filters import Filter
from sink.queries.model import Readiness, Refusal
from sink.queries.policies import list_policies
from sink.queries.reader import Reader
from sink.queries.readiness import known_clusters
from sink.queries.readiness import readiness as ask
from sink.queries.terms import terms


@dataclass(frozen=True, slots=True)
class ReadinessOptions:
    """What the command line says beyond settings."""

    names: tuple[str, ...]
    clusters: tuple[str, ...]
    since: str
    by: ReadinessBy | None
    output: ListFormat
    exit_code: bool


async def readiness(options: ReadinessOptions, *, db: str | None) -> ExitCode:
    """Print a line for each policy, or for each workload that it would refuse, or both."""
    now = datetime.now(UTC)
    begin = parse_time(options.since, now, "--since")
    named = terms(options.names)
    tells = options.by is ReadinessBy.WORKLOAD or options.output in _WHOLE or bool(named)
    async with reader_of(load_settings(db=db)) as reader:
        await expect_recorded(reader, Filter(clusters=terms(options.clusters)))
        found = await ask(reader, named, terms(options.clusters), begin, now, refusals=tells)
        if not found:
            await _explain(reader, options)
    with reader_may_leave():
        _write(found, options, now)
    ready = all(each.ready for each in found)
    return ExitCode.VIOLATIONS if options.exit_code and not ready else ExitCode.OK


_WHOLE = (ListFormat.WIDE, ListFormat.JSON, ListFormat.YAML)


async def _explain(reader: Reader, options: ReadinessOptions) -> None:
    """Why there is nothing to say. Raises UsageError or EvaluationError where that is no answer."""
    known = await known_clusters(reader)
    if not await list_policies(reader):
        raise EvaluationError("the database holds no policy: `tocsin run` and `tocsin scan --db` fill it")
    if options.clusters and not await list_policies(reader, terms(options.clusters)):
        wanted = clip(", ".join(options.clusters))
        raise UsageError(f"--cluster {wanted}: no policy is loaded there; clusters: {', '.join(known)}")
    if options.names:
        wanted = clip(", ".join(options.names))
        raise UsageError(f"no policy {wanted!r} is loaded: `tocsin policies list` names those that are")
    sys.stderr.write("No policy is in mode warn.\n")


def _write(found: Sequence[Readiness], options: ReadinessOptions, now: datetime) -> None:
    workloads = [refusal for each in found for refusal in each.refusals]
    if options.by is ReadinessBy.WORKLOAD:
        _write_workloads(iter(workloads), options.output)
        return
    write_items(iter(found), options.output, layout(now), sys.stdout)
    of_one = bool(options.names) and len({each.policy for each in found}) == 1
    both = options.output is ListFormat.WIDE or (of_one and options.output is ListFormat.TABLE)
    if workloads and options.by is None and both:
        sys.stdout.write("\n")
        _write_workloads(iter(workloads), options.output)


def _write_workloads(found: Iterator[Refusal], output: ListFormat) -> None:
    if not write_items(found, output, refusals(), sys.stdout):
        sys.stderr.write("No workload would be refused.\n")

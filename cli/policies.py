"""`tocsin policies list` and `show`: what is loaded, as the database has it."""

import sys
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime

from msgspec.structs import replace

from cli.database import reader_of
from cli.invoke import reader_may_leave
from cli.options import ListFormat, ShowFormat
from cli.render.fields import write_item
from cli.render.items import write_items
from cli.render.policies import fields, layout
from evaluator.policies.asks import asks
from evaluator.policies.reading import InvalidPolicyError
from evaluator.policies.validation import parse
from pipeline.errors import ExitCode, UsageError, clip
from pipeline.events import PolicyApplied
from pipeline.settings import load_settings
from sink.queries.inventory import PolicyVersion, current_policies
from sink.queries.model import Policy
from sink.queries.policies import list_policies
from sink.queries.terms import terms


async def list_(clusters: Sequence[str], output: ListFormat, *, db: str | None) -> ExitCode:
    """Print the policies that are loaded."""
    async with reader_of(load_settings(db=db)) as reader:
        wanted = terms(clusters)
        found = _asking(await list_policies(reader, wanted), await current_policies(reader, wanted))
    with reader_may_leave():
        write_items(iter(found), output, layout(datetime.now(UTC)), sys.stdout)
    if not found:
        where = f" in cluster {clip(', '.join(clusters))}" if clusters else ""
        sys.stderr.write(f"No policies{where}. `tocsin run` and `tocsin scan --db` load them (-p FOLDER).\n")
    return ExitCode.OK


async def show(name: str, clusters: Sequence[str], output: ShowFormat, *, db: str | None) -> ExitCode:
    """Print one policy."""
    async with reader_of(load_settings(db=db)) as reader:
        wanted = terms(clusters)
        named = await list_policies(reader, wanted, name)
        found = _asking(named, await current_policies(reader, wanted))
    if not found:
        where = f" in cluster {clip(', '.join(clusters))}" if clusters else ""
        raise UsageError(
            f"no policy {clip(name)!r} is loaded{where}: `tocsin policies list` names those that are"
        )
    if len(found) > 1:
        where = ", ".join(policy.cluster for policy in found)
        raise UsageError(f"policy {clip(name)!r} is in several clusters ({where}): choose with --cluster")
    with reader_may_leave():
        write_item(found[0], fields(found[0], datetime.now(UTC)), output, sys.stdout)
    return ExitCode.OK


def _asking(found: Sequence[Policy], versions: Sequence[PolicyVersion]) -> list[Policy]:
    """The policies with what they ask registries for."""
    texts = {(version.cluster, version.name): version for version in versions}
    return [replace(each, asks=_asks(texts.get((each.cluster, each.name)))) for each in found]


def _asks(version: PolicyVersion | None) -> tuple[str, ...]:
    """Nothing where it is not valid."""
    if version is None or version.object is None:
        return ()
    applied = PolicyApplied(
        cluster=version.cluster, name=version.name, digest=version.digest, object=version.object
    )
    with suppress(InvalidPolicyError):
        return asks(parse(applied))
    return ()

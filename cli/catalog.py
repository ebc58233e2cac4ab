"""`tocsin policies catalog`: the ready-made policies, listed, or one of them as it is."""

import difflib
import sys
from collections.abc import Iterator

import msgspec
import yaml

import catalog
from cli.invoke import reader_may_leave
from cli.options import ListFormat
from cli.render.columns import Column, Row
from cli.render.items import Layout, write_items
from pipeline.errors import ExitCode, UsageError, clip


class CatalogPolicy(msgspec.Struct, frozen=True):
    """A policy of the catalog, as its annotations describe it."""

    name: str
    set: str
    severity: str
    title: str
    description: str
    url: str


_COLUMNS = (
    Column("NAME"),
    Column("SET"),
    Column("SEVERITY", styles={"high": "bold red", "medium": "yellow"}),
    Column("TITLE", wraps=True),
    Column("DESCRIPTION", wraps=True, wide=True),
    Column("URL", wide=True),
)


def _row(policy: CatalogPolicy) -> Row:
    return (policy.name, policy.set, policy.severity, policy.title, policy.description, policy.url)


_LAYOUT = Layout(_COLUMNS, _row, _COLUMNS, _row, lambda policy: policy.name)


async def list_policies(wanted: str | None, output: ListFormat) -> ExitCode:
    """Print what there is: all of it, or one set."""
    if wanted is not None and wanted not in catalog.SETS:
        raise _unknown(wanted)
    sets = catalog.SETS if wanted is None else (wanted,)
    with reader_may_leave():
        write_items((policy for name in sets for policy in _read(name)), output, _LAYOUT, sys.stdout)
    return ExitCode.OK


async def print_policy(name: str) -> ExitCode:
    """Print one policy with its comments, to be redirected into a file."""
    of_set, _, control = name.partition("-")
    paths = catalog.folder(of_set).glob("*.yaml") if of_set in catalog.SETS else ()
    path = next((path for path in paths if path.stem == control), None)
    if path is None:
        raise _unknown(name)
    with reader_may_leave():
        sys.stdout.write(path.read_text(encoding="utf-8"))
        sys.stdout.flush()
    return ExitCode.OK


def _read(name: str) -> Iterator[CatalogPolicy]:
    for path in sorted(catalog.folder(name).glob("*.yaml")):
        metadata = yaml.safe_load(path.read_text(encoding="utf-8"))["metadata"]
        said = {key.removeprefix("tocsin.dev/"): text for key, text in metadata["annotations"].items()}
        yield CatalogPolicy(
            metadata["name"], name, said["severity"], said["title"], said["description"], said["url"]
        )


def _unknown(name: str) -> UsageError:
    names = [*catalog.SETS, *(policy.name for name in catalog.SETS for policy in _read(name))]
    close = difflib.get_close_matches(name, names, n=1)
    hint = f"; did you mean {close[0]}?" if close else ": `tocsin policies catalog` lists what there is"
    return UsageError(f"the catalog has no policy or set {clip(name)!r}{hint}")

"""`tocsin`: the commands and their options. What they do is in the modules they import.

Heavy imports are inside the commands: `tocsin --help` has to be instant.
"""

from enum import StrEnum
from typing import Annotated

import typer

from pipeline.settings_types import EngineChoice
from pipeline.version import __version__

_PLAIN_HELP = None  # rich help costs a quarter of a second at each start


class ReportFormat(StrEnum):
    """Output formats of `scan`."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"
    SARIF = "sarif"
    JUNIT = "junit"


class ListFormat(StrEnum):
    """Output formats of list commands."""

    TABLE = "table"
    WIDE = "wide"
    JSON = "json"
    YAML = "yaml"
    CSV = "csv"
    NAME = "name"


class ShowFormat(StrEnum):
    """Output formats of show commands."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


app = typer.Typer(
    name="tocsin",
    help="Continuous audit for Kubernetes: rings, never blocks.",
    epilog="Start with: tocsin scan FOLDER",
    no_args_is_help=True,
    rich_markup_mode=_PLAIN_HELP,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)
violations = typer.Typer(no_args_is_help=True, rich_markup_mode=_PLAIN_HELP, help="Query violations.")
policies = typer.Typer(no_args_is_help=True, rich_markup_mode=_PLAIN_HELP, help="See what is loaded.")
events = typer.Typer(no_args_is_help=True, rich_markup_mode=_PLAIN_HELP, help="Follow events.")
db = typer.Typer(no_args_is_help=True, rich_markup_mode=_PLAIN_HELP, help="Operate the database.")
app.add_typer(violations, name="violations")
app.add_typer(policies, name="policies")
app.add_typer(events, name="events")
app.add_typer(db, name="db")

Paths = Annotated[
    list[str] | None,
    typer.Argument(metavar="[PATH]...", help="Manifests: files, folders (recursively), or - for stdin."),
]
Policies = Annotated[
    list[str] | None,
    typer.Option(
        "--policies", "-p", metavar="PATH", help="ClusterImagePolicies: a file or folder; may be repeated."
    ),
]
Namespace = Annotated[
    str | None, typer.Option("--namespace", "-n", help="Namespace of manifests that name none. [default]")
]
Cluster = Annotated[str | None, typer.Option("--cluster", help="Name of the cluster in keys and events.")]
Database = Annotated[
    str | None, typer.Option("--db", metavar="URL", help="Database, such as sqlite:///tocsin.db (TOCSIN_DB).")
]
Engine = Annotated[EngineChoice | None, typer.Option("--engine", help="Rego engine (TOCSIN_ENGINE).")]


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"tocsin {__version__}")
        raise typer.Exit


@app.callback()
def main(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Continuous audit for Kubernetes: rings, never blocks."""


@app.command()
def scan(
    *,
    paths: Paths = None,
    policies: Policies = None,
    namespace: Namespace = None,
    cluster: Cluster = None,
    db: Database = None,
    engine: Engine = None,
    output: Annotated[ReportFormat, typer.Option("--output", "-o", help="Format.")] = ReportFormat.TABLE,
    strict: Annotated[bool, typer.Option("--strict", help="Exit 1 for violations in mode warn too.")] = False,
) -> None:
    """Audit manifests once; print violations and a summary.

    Without -p, the policies are the Pod Security Standards baseline of the catalog.

    \b
    Examples:
      tocsin scan deploy/
      tocsin scan deploy/ -p policies/ --strict
      helm template shop ./chart | tocsin scan - -o sarif > tocsin.sarif

    \b
    Exit codes:
      0  nothing in mode enforce is violated (with --strict: nothing at all)
      1  violations
      2  wrong usage, or a path that cannot be read
      3  something could not be evaluated
    """
    from cli.invoke import finish
    from cli.scan import ScanOptions, scan_manifests

    options = ScanOptions(
        paths=tuple(paths or ()), policies=tuple(policies or ()), format=output.value, strict=strict
    )
    finish(scan_manifests(options, namespace=namespace, cluster=cluster, db=db, engine=engine))


@app.command()
def run(
    *,
    manifests: Annotated[
        list[str] | None,
        typer.Option("--manifests", metavar="DIR", help="Folder of manifests to follow; may be repeated."),
    ] = None,
    policies: Policies = None,
    namespace: Namespace = None,
    cluster: Cluster = None,
    db: Database = None,
    engine: Engine = None,
) -> None:
    """Audit continuously: the whole pipeline in one process, on SQLite.

    Follows the folder: changed, new and deleted objects and policies become events.
    Query with `tocsin violations list`, follow with `tocsin events tail`. Ctrl-C ends it.

    \b
    Examples:
      tocsin run --manifests deploy/
      tocsin run --manifests deploy/ -p policies/ --db sqlite:///audit.db
    """
    from cli.invoke import finish
    from cli.run import RunOptions, run_pipeline

    options = RunOptions(manifests=tuple(manifests or ()), policies=tuple(policies or ()))
    finish(run_pipeline(options, namespace=namespace, cluster=cluster, db=db, engine=engine))

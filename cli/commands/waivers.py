"""`tocsin waivers`: its commands and their options. What they do is in the modules they import."""

from typing import Annotated

import typer

from cli.commands import filters
from cli.options import PLAIN_HELP, Database, ListFormat, Policies

app = typer.Typer(no_args_is_help=True, rich_markup_mode=PLAIN_HELP, help="Exceptions from policies.")


@app.command("list")
def list_(
    *,
    cluster: filters.Cluster = None,
    expired: Annotated[bool, typer.Option("--expired", help="Those that are over.")] = False,
    expiring: Annotated[
        str | None, typer.Option("--expiring", metavar="AGE", help="Those that end within 14d, 12h, ...")
    ] = None,
    unused: Annotated[bool, typer.Option("--unused", help="Those that cover nothing now.")] = False,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit with 1 when there is anything to list.")
    ] = False,
    output: Annotated[ListFormat, typer.Option("--output", "-o", help="Format.")] = ListFormat.TABLE,
    db: Database = None,
) -> None:
    """List the waivers there are: whose, until when, and what they cover.

    The next to end comes first. Several of --expired, --expiring and --unused list what
    is any of them.

    \b
    Examples:
      tocsin waivers list
      tocsin waivers list --expiring 14d --exit-code
      tocsin waivers list --expired --unused -o json
    """
    from cli.invoke import finish
    from cli.waivers import Asked
    from cli.waivers import list_ as run

    asked = Asked(tuple(cluster or ()), expired, expiring, unused, output)
    finish(run(asked, exit_code=exit_code, db=db))


@app.command()
def lint(
    *,
    paths: Annotated[list[str], typer.Argument(metavar="PATH", help="Waivers: files or folders.")],
    policies: Policies = None,
) -> None:
    """Check waivers before anyone relies on them: what is wrong, with file and line.

    With -p, also whether the policies that they name are there. TOCSIN_WAIVER_MAX_DAYS counts.

    \b
    Examples:
      tocsin waivers lint waivers/
      tocsin waivers lint waivers.yaml -p policies/

    \b
    Exit codes:
      0  all of them are valid
      1  something is wrong
      2  a path cannot be read
    """
    from cli.invoke import finish
    from cli.waivers import lint as run

    finish(run(tuple(paths), tuple(policies or ())))

"""`tocsin errors`: its command and options. What it does is in `cli.errors`."""

from typing import Annotated

import typer

from cli.commands import filters
from cli.options import PLAIN_HELP, Database, ListFormat

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=PLAIN_HELP, help="See what could not be read or evaluated."
)


@app.callback()
def errors() -> None:
    """See what could not be read or evaluated."""


@app.command("list")
def list_(
    *,
    cluster: filters.Cluster = None,
    policy: filters.Policy = None,
    namespace: filters.Namespace = None,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit with 1 when there is anything to list.")
    ] = False,
    output: Annotated[ListFormat, typer.Option("--output", "-o", help="Format.")] = ListFormat.TABLE,
    db: Database = None,
) -> None:
    """List what nothing is known of: it is neither violated nor complied with.

    A source is a file, a document or an object that cannot be read: what was read of it before
    still counts. A policy is one that gives no verdict. A resource line is a workload that a
    policy could not be evaluated on, such as for want of its images' configs.

    \b
    Examples:
      tocsin errors list
      tocsin errors list -n shop --policy 'image-*' -o wide
      tocsin errors list --cluster production --exit-code -o json
    """
    from cli.errors import list_ as run
    from cli.invoke import finish
    from sink.queries.errors import ErrorFilter
    from sink.queries.terms import terms

    wanted = ErrorFilter(
        clusters=terms(cluster or ()), policies=terms(policy or ()), namespaces=terms(namespace or ())
    )
    finish(run(wanted, output, exit_code=exit_code, db=db))

"""`tocsin db`: its commands and their options. What they do is in the modules they import."""

from typing import Annotated

import typer

from cli.options import PLAIN_HELP, Database

app = typer.Typer(no_args_is_help=True, rich_markup_mode=PLAIN_HELP, help="Operate the database.")


@app.command()
def upgrade(*, db: Database = None) -> None:
    """Bring the schema of the database to this version.

    `run` and `scan` make the schema of a new SQLite file themselves; an older
    schema, and one on a server, is changed by this command only.

    \b
    Examples:
      tocsin db upgrade
      tocsin db upgrade --db postgresql://tocsin@db.example.com/tocsin
    """
    from cli.database import upgrade as run
    from cli.invoke import finish

    finish(run(db=db))


@app.command()
def current(*, db: Database = None) -> None:
    """Print the revision of the schema; exit 3 unless it is the one this version needs.

    \b
    Examples:
      tocsin db current
      tocsin db current --db sqlite:///tocsin.db
    """
    from cli.database import current as run
    from cli.invoke import finish

    finish(run(db=db))


@app.command()
def prune(
    *,
    resolved_before: Annotated[
        str,
        typer.Option("--resolved-before", metavar="TIME", help="Over before then: 90d (ago), or a date."),
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say how much there is.")] = False,
    db: Database = None,
) -> None:
    """Forget what has been over for so long.

    Violations that were resolved, verdicts that were withdrawn, resources and
    policies that were deleted, versions of policies that no violation speaks
    of. In small transactions: sinks and commands may go on meanwhile.

    \b
    Examples:
      tocsin db prune --resolved-before 90d --dry-run
      tocsin db prune --resolved-before 90d
      tocsin db prune --resolved-before 2026-01-01 --db postgresql://tocsin@db.example.com/tocsin
    """
    from cli.database import prune as run
    from cli.invoke import finish

    finish(run(resolved_before, dry_run=dry_run, db=db))

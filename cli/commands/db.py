"""`tocsin db`: its commands and their options. What they do is in the modules they import."""

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

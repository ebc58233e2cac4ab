"""`tocsin violations`: its commands and their options. What they do is in the modules they import."""

import typer

from cli.options import PLAIN_HELP

app = typer.Typer(no_args_is_help=True, rich_markup_mode=PLAIN_HELP, help="Query violations.")

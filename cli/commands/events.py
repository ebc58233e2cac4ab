"""`tocsin events`: its commands and their options. What they do is in the modules they import."""

from typing import Annotated

import typer

from cli.options import PLAIN_HELP

app = typer.Typer(no_args_is_help=True, rich_markup_mode=PLAIN_HELP, help="Follow events.")


@app.callback()
def events() -> None:
    """Follow events."""


@app.command()
def tail(
    *,
    types: Annotated[
        list[str] | None,
        typer.Option("--type", metavar="TYPE", help="Such as failed, passed, withdrawn; may be repeated."),
    ] = None,
    policies: Annotated[
        list[str] | None, typer.Option("--policy", metavar="NAME", help="Of this policy; may be repeated.")
    ] = None,
    namespaces: Annotated[
        list[str] | None,
        typer.Option("--namespace", "-n", metavar="NAME", help="Of this namespace; may be repeated."),
    ] = None,
    kafka: Annotated[
        str | None,
        typer.Option("--kafka", metavar="HOST:PORT", help="Of the services on Kafka, by these brokers."),
    ] = None,
) -> None:
    """Follow the events of a running `tocsin run`, or of Kafka: one CloudEvent in JSON a line.

    Shows events from now on, until the run ends or Ctrl-C.

    \b
    Examples:
      tocsin events tail
      tocsin events tail --type failed --type errored
      tocsin events tail --kafka kafka.example.com:9092
      tocsin events tail -n shop | jq -r '.subject + ": " + .data.message'
    """
    from cli.invoke import finish
    from cli.tail import Wanted
    from cli.tail import tail as follow

    finish(follow(Wanted(tuple(types or ()), tuple(policies or ()), tuple(namespaces or ())), kafka))

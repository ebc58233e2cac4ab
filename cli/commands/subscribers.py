"""`tocsin subscribers`: its commands and their options. What they do is in the modules they import."""

from typing import Annotated

import typer

from cli.options import PLAIN_HELP, Database, Subscribers, SubscribersFormat

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=PLAIN_HELP,
    help="Who events are delivered to: standing, replay, what was not delivered.",
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="A subscriber of the file.")]
AnyName = Annotated[str | None, typer.Argument(metavar="NAME", help="Of this subscriber only.")]
Ids = Annotated[list[str] | None, typer.Option("--id", metavar="ID", help="Of this event; may be repeated.")]


@app.command("list")
def list_(
    *,
    output: Annotated[
        SubscribersFormat, typer.Option("--output", "-o", help="Format.")
    ] = SubscribersFormat.TABLE,
    db: Database = None,
) -> None:
    """List every subscriber there was: whether it is active, paused or gone, and what it did not get.

    \b
    Examples:
      tocsin subscribers list
      tocsin subscribers list -o json --db postgresql://tocsin@db.example.com/tocsin
    """
    from cli.invoke import finish
    from cli.subscribers import list_ as run

    finish(run(output, db=db))


@app.command()
def check(*, subscribers: Subscribers = None) -> None:
    """Check a file of subscribers: every mistake in it, with its line. Nothing is sent.

    \b
    Examples:
      tocsin subscribers check --subscribers subscribers.yaml

    \b
    Exit codes:
      0  the file is right
      2  it is not
    """
    from cli.invoke import finish
    from cli.subscribers import check as run

    finish(run(subscribers))


@app.command()
def pause(name: Name, *, db: Database = None) -> None:
    """Send nothing to a subscriber until it is resumed; it misses nothing.

    \b
    Examples:
      tocsin subscribers pause tickets
    """
    from cli.invoke import finish
    from cli.subscribers import pause as run

    finish(run(name, db=db))


@app.command()
def resume(name: Name, *, db: Database = None) -> None:
    """Go on delivering to a subscriber that was paused, or that answered 410 Gone.

    \b
    Examples:
      tocsin subscribers resume tickets
    """
    from cli.invoke import finish
    from cli.subscribers import resume as run

    finish(run(name, db=db))


@app.command()
def replay(
    name: Name,
    *,
    since: Annotated[
        str, typer.Option("--from", metavar="TIME", help="2h (ago), or a date such as 2026-11-28T00:00:00Z.")
    ],
    kafka: Annotated[
        str | None,
        typer.Option("--kafka", metavar="HOST:PORT", help="Of the services on Kafka, by these brokers."),
    ] = None,
    db: Database = None,
) -> None:
    """Deliver everything to a subscriber again that is not older than a time, in order, with the same ids.

    Without --kafka, of a `tocsin run` by its database. Services may go on meanwhile: they
    let go of this subscriber for a moment, the others notice nothing.

    \b
    Examples:
      tocsin subscribers replay tickets --from 2h
      tocsin subscribers replay tickets --from 2026-11-28T00:00:00Z --kafka kafka.example.com:9092
    """
    from cli.invoke import finish
    from cli.subscribers import replay as run

    finish(run(name, since, kafka=kafka, db=db))


@app.command()
def undelivered(
    name: AnyName = None,
    *,
    ids: Ids = None,
    output: Annotated[
        SubscribersFormat, typer.Option("--output", "-o", help="Format; json holds the events.")
    ] = SubscribersFormat.TABLE,
    db: Database = None,
) -> None:
    """List events that were given up, and why; oldest first.

    \b
    Examples:
      tocsin subscribers undelivered
      tocsin subscribers undelivered tickets -o json
    """
    from cli.invoke import finish
    from cli.subscribers import undelivered as run

    finish(run(name, ids or (), output, db=db))


@app.command()
def retry(
    name: AnyName = None, *, ids: Ids = None, subscribers: Subscribers = None, db: Database = None
) -> None:
    """Send events again that were given up, once each, oldest first; forget those that arrive.

    They come after newer ones of their resource: their time says so.

    \b
    Examples:
      tocsin subscribers retry tickets --subscribers subscribers.yaml

    \b
    Exit codes:
      0  all of them arrived
      3  some did not
    """
    from cli.invoke import finish
    from cli.subscribers import retry as run

    finish(run(name, ids or (), subscribers=subscribers, db=db))


@app.command()
def forget(name: Name, *, ids: Ids = None, db: Database = None) -> None:
    """Forget events of a subscriber that were given up.

    \b
    Examples:
      tocsin subscribers forget tickets
      tocsin subscribers forget tickets --id 5f0c
    """
    from cli.invoke import finish
    from cli.subscribers import forget as run

    finish(run(name, ids or (), db=db))

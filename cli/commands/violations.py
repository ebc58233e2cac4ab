"""`tocsin violations`: its commands and their options. What they do is in the modules they import."""

from typing import Annotated

import typer

from cli.options import PLAIN_HELP, Database, ListFormat, ShowFormat
from pipeline.events import Mode
from sink.queries.words import Sort, State

app = typer.Typer(no_args_is_help=True, rich_markup_mode=PLAIN_HELP, help="Query violations.")


def _several(flag: str, help_: str, *short: str, metavar: str = "NAME") -> typer.models.OptionInfo:
    option: typer.models.OptionInfo = typer.Option(
        flag, *short, metavar=metavar, help=f"{help_} May be repeated."
    )
    return option


@app.command("list")
def list_(
    *,
    cluster: Annotated[list[str] | None, _several("--cluster", "In this cluster.")] = None,
    policy: Annotated[list[str] | None, _several("--policy", "Of this policy.")] = None,
    namespace: Annotated[list[str] | None, _several("--namespace", "In this namespace.", "-n")] = None,
    kind: Annotated[list[str] | None, _several("--kind", "Of this kind of resource.", metavar="KIND")] = None,
    mode: Annotated[
        list[Mode] | None, typer.Option("--mode", help="Of policies in this mode. May be repeated.")
    ] = None,
    owner: Annotated[
        list[str] | None,
        _several("--owner", "Of this workload: name, or kind/name.", metavar="[KIND/]NAME"),
    ] = None,
    image: Annotated[
        list[str] | None, _several("--image", "With this in an image's name.", metavar="TEXT")
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            "--since", metavar="AGE|DATE", help="Opened (with --resolved: resolved) since: 30m, 7d, a date."
        ),
    ] = None,
    open_: Annotated[bool, typer.Option("--open", help="Those that are still there (the default).")] = False,
    resolved: Annotated[bool, typer.Option("--resolved", help="Those that are over.")] = False,
    all_: Annotated[bool, typer.Option("--all", help="Both.")] = False,
    sort: Annotated[Sort, typer.Option("--sort", help="Order.")] = Sort.NEWEST,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, metavar="N", help="At most so many; all by default.")
    ] = None,
    output: Annotated[ListFormat, typer.Option("--output", "-o", help="Format.")] = ListFormat.TABLE,
    db: Database = None,
) -> None:
    """List violations: open ones, newest first, unless asked otherwise.

    \b
    Examples:
      tocsin violations list
      tocsin violations list -n shop --mode enforce --since 7d -o wide
      tocsin violations list --resolved --policy no-privileged -o json
    """
    from cli.invoke import finish
    from cli.violations import list_ as run
    from sink.queries.filters import Filter

    state = State.RESOLVED if resolved else State.OPEN
    filter_ = Filter(
        state=State.ALL if all_ or (open_ and resolved) else state,
        clusters=tuple(cluster or ()),
        policies=tuple(policy or ()),
        namespaces=tuple(namespace or ()),
        kinds=tuple(kind or ()),
        modes=tuple(mode or ()),
        owners=tuple(owner or ()),
        images=tuple(image or ()),
    )
    finish(run(filter_, sort, limit, output, since=since, db=db))


@app.command()
def show(
    *,
    violation: Annotated[
        str, typer.Argument(metavar="ID", help="Of a violation; its first characters are enough.")
    ],
    output: Annotated[ShowFormat, typer.Option("--output", "-o", help="Format.")] = ShowFormat.TABLE,
    db: Database = None,
) -> None:
    """Show one violation: what the policy saw, since when, and what to do next.

    \b
    Examples:
      tocsin violations show 3f9a
      tocsin violations show 3f9a12c07b5d8e44 -o json
    """
    from cli.invoke import finish
    from cli.violations import show as run

    finish(run(violation, output, db=db))

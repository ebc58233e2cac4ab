"""`tocsin violations`: its commands and their options. What they do is in the modules they import."""

from typing import Annotated

import typer

from cli.commands import filters
from cli.options import PLAIN_HELP, Database, ListFormat, ShowFormat
from sink.queries.words import By, Sort, State

app = typer.Typer(no_args_is_help=True, rich_markup_mode=PLAIN_HELP, help="Query violations.")


@app.command("list")
def list_(
    *,
    cluster: filters.Cluster = None,
    policy: filters.Policy = None,
    namespace: filters.Namespace = None,
    kind: filters.Kind = None,
    mode: filters.Modes = None,
    severity: filters.Severity = None,
    owner: filters.Owner = None,
    image: filters.Image = None,
    selector: filters.Selector = None,
    since: filters.Since = None,
    until: filters.Until = None,
    open_: filters.Open = False,
    resolved: filters.Resolved = False,
    waived: filters.Waived = False,
    all_: filters.All = False,
    by: Annotated[
        By | None,
        typer.Option(
            "--by", help="What a row is about; default: workload in a table of open ones, else resource."
        ),
    ] = None,
    sort: Annotated[Sort, typer.Option("--sort", help="Order.")] = Sort.NEWEST,
    limit: filters.Limit = None,
    start: filters.Continue = "",
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Go on, and tell what opens and ends, until Ctrl-C.")
    ] = False,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit with 1 when there is anything to list.")
    ] = False,
    output: Annotated[ListFormat, typer.Option("--output", "-o", help="Format.")] = ListFormat.TABLE,
    db: Database = None,
) -> None:
    """List violations: open ones, newest first, unless asked otherwise.

    A table shows a line for each workload and policy, however many Pods it has;
    other formats, resolved ones and --by resource show each violation. Filters
    that name several things may be repeated.

    \b
    Examples:
      tocsin violations list
      tocsin violations list -n 'shop,team-*,!team-test' --mode enforce --since 7d -o wide
      tocsin violations list --by policy --sort count
      tocsin violations list --resolved --policy no-privileged -o json
      tocsin violations list --waived
      tocsin violations list --watch -o json
      tocsin violations list --severity high --exit-code -o name
    """
    from cli.invoke import finish
    from cli.narrowing import Said
    from cli.violations import Asked, list_
    from cli.violations import watch as follow

    said = Said(
        state=_state(open_=open_, resolved=resolved, waived=waived, all_=all_),
        cluster=tuple(cluster or ()),
        policy=tuple(policy or ()),
        namespace=tuple(namespace or ()),
        kind=tuple(kind or ()),
        mode=tuple(mode or ()),
        severity=tuple(severity or ()),
        owner=tuple(owner or ()),
        image=tuple(image or ()),
        selector=tuple(selector or ()),
        since=since,
        until=until,
    )
    asked = Asked(said, sort, limit, start, output)
    if watch:
        finish(follow(asked, by, exit_code=exit_code, db=db))
    finish(list_(asked, by, exit_code=exit_code, db=db))


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


@app.command()
def history(
    *,
    resource: Annotated[
        str, typer.Argument(metavar="RESOURCE", help="NAME, KIND/NAME or NAMESPACE/KIND/NAME; globs, too.")
    ] = "",
    cluster: filters.Cluster = None,
    policy: filters.Policy = None,
    namespace: filters.Namespace = None,
    kind: filters.Kind = None,
    mode: filters.Modes = None,
    severity: filters.Severity = None,
    owner: filters.Owner = None,
    image: filters.Image = None,
    selector: filters.Selector = None,
    since: filters.Since = None,
    until: filters.Until = None,
    open_: filters.Open = False,
    resolved: filters.Resolved = False,
    waived: filters.Waived = False,
    sort: Annotated[Sort, typer.Option("--sort", help="Order.")] = Sort.NEWEST,
    limit: filters.Limit = None,
    start: filters.Continue = "",
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit with 1 when there is anything to list.")
    ] = False,
    output: Annotated[ListFormat, typer.Option("--output", "-o", help="Format.")] = ListFormat.TABLE,
    db: Database = None,
) -> None:
    """What a resource or a policy went through: each violation, how long it lasted, and how it ended.

    \b
    Examples:
      tocsin violations history shop/Deployment/web
      tocsin violations history --owner deploy/web --since 30d --resolved
      tocsin violations history --policy no-privileged --sort oldest -o csv
    """
    from cli.invoke import finish
    from cli.narrowing import Said
    from cli.violations import Asked
    from cli.violations import history as run

    said = Said(
        state=_state(open_=open_, resolved=resolved, waived=waived, all_=not (open_ or resolved or waived)),
        resource=resource,
        cluster=tuple(cluster or ()),
        policy=tuple(policy or ()),
        namespace=tuple(namespace or ()),
        kind=tuple(kind or ()),
        mode=tuple(mode or ()),
        severity=tuple(severity or ()),
        owner=tuple(owner or ()),
        image=tuple(image or ()),
        selector=tuple(selector or ()),
        since=since,
        until=until,
    )
    finish(run(Asked(said, sort, limit, start, output), exit_code=exit_code, db=db))


@app.command()
def summary(
    *,
    cluster: filters.Cluster = None,
    policy: filters.Policy = None,
    namespace: filters.Namespace = None,
    kind: filters.Kind = None,
    mode: filters.Modes = None,
    severity: filters.Severity = None,
    owner: filters.Owner = None,
    image: filters.Image = None,
    selector: filters.Selector = None,
    since: Annotated[
        str, typer.Option("--since", metavar="TIME", help="Begin of the period: 24h, 7d, a date.")
    ] = "7d",
    top: Annotated[
        int, typer.Option("--top", min=1, metavar="N", help="Names in each list of the table.")
    ] = 10,
    output: Annotated[ShowFormat, typer.Option("--output", "-o", help="Format.")] = ShowFormat.TABLE,
    db: Database = None,
) -> None:
    """How many violations there are, of what, and whether it gets better.

    Compares the period with the one of the same length before it.

    \b
    Examples:
      tocsin violations summary
      tocsin violations summary -n shop --since 30d
      tocsin violations summary --severity high -o json
    """
    from cli.invoke import finish
    from cli.narrowing import Said
    from cli.violations import summary as run

    said = Said(
        state=State.ALL,
        cluster=tuple(cluster or ()),
        policy=tuple(policy or ()),
        namespace=tuple(namespace or ()),
        kind=tuple(kind or ()),
        mode=tuple(mode or ()),
        severity=tuple(severity or ()),
        owner=tuple(owner or ()),
        image=tuple(image or ()),
        selector=tuple(selector or ()),
    )
    finish(run(said, since, top, output, db=db))


def _state(*, open_: bool, resolved: bool, waived: bool, all_: bool) -> State:
    if waived:
        if open_ or resolved or all_:
            raise typer.BadParameter("--waived: without --open, --resolved and --all")
        return State.WAIVED
    if all_ or (open_ and resolved):
        return State.ALL
    return State.RESOLVED if resolved else State.OPEN

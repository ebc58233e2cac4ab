"""`tocsin`: the commands and their options. What they do is in the modules they import.

Heavy imports are inside the commands: `tocsin --help` has to be instant.
"""

import gc
import signal
from typing import Annotated

import typer

from cli.commands import (
    db,
    errors,
    events,
    policies,
    report,
    services,
    subscribers,
    topics,
    violations,
    waivers,
)
from cli.options import (
    PLAIN_HELP,
    Cluster,
    Context,
    Database,
    DoctorFormat,
    Engine,
    Manifests,
    Namespace,
    Paths,
    Policies,
    ReportFormat,
    Subscribers,
    Waivers,
)
from pipeline.version import __version__

app = typer.Typer(
    name="tocsin",
    help="Continuous audit for Kubernetes: rings, never blocks.",
    epilog="Start with: tocsin scan FOLDER",
    no_args_is_help=True,
    rich_markup_mode=PLAIN_HELP,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)
app.add_typer(violations.app, name="violations")
app.add_typer(policies.app, name="policies")
app.add_typer(errors.app, name="errors")
app.add_typer(waivers.app, name="waivers")
app.add_typer(events.app, name="events")
app.add_typer(db.app, name="db")
app.add_typer(topics.app, name="topics")
app.add_typer(subscribers.app, name="subscribers")


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
    context: Context = None,
    policies: Policies = None,
    waivers: Waivers = None,
    namespace: Namespace = None,
    cluster: Cluster = None,
    db: Database = None,
    engine: Engine = None,
    output: Annotated[ReportFormat, typer.Option("--output", "-o", help="Format.")] = ReportFormat.TABLE,
    strict: Annotated[bool, typer.Option("--strict", help="Exit 1 for violations in mode warn too.")] = False,
    no_other_policies: Annotated[
        bool,
        typer.Option(
            "--no-other-policies",
            help="There are no policies but these: take back what others said in the database.",
        ),
    ] = False,
) -> None:
    """Audit manifests or a live cluster once; print violations and a summary.

    Without -p, the policies are the cluster's own, or the Pod Security Standards baseline
    of the catalog.

    \b
    Examples:
      tocsin scan deploy/
      tocsin scan deploy/ -p policies/ --strict
      tocsin scan deploy/ --waivers waivers.yaml
      tocsin scan deploy/ -p catalog:baseline -p catalog:restricted
      tocsin scan --context production -n shop
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
        paths=tuple(paths or ()),
        context=context,
        policies=tuple(policies or ()),
        waivers=tuple(waivers or ()),
        format=output.value,
        strict=strict,
        no_other_policies=no_other_policies,
    )
    finish(scan_manifests(options, namespace=namespace, cluster=cluster, db=db, engine=engine))


@app.command()
def run(
    *,
    manifests: Manifests = None,
    context: Context = None,
    policies: Policies = None,
    waivers: Waivers = None,
    namespace: Namespace = None,
    cluster: Cluster = None,
    db: Database = None,
    engine: Engine = None,
    subscribers: Subscribers = None,
) -> None:
    """Audit continuously: the whole pipeline in one process, on SQLite.

    Follows a folder or a live cluster: changed, new and deleted objects and policies become
    events. A cluster is judged by its own ClusterImagePolicies, or by those that -p names.
    Query with `tocsin violations list`, follow with `tocsin events tail`. Ctrl-C ends it.
    With --subscribers, verdicts are posted to their URLs, too; see `tocsin deliver`.

    \b
    Examples:
      tocsin run --manifests deploy/
      tocsin run --manifests deploy/ -p policies/ --db sqlite:///audit.db
      tocsin run --context production
    """
    from cli.invoke import finish
    from cli.run import RunOptions, run_pipeline

    options = RunOptions(
        manifests=tuple(manifests or ()),
        context=context,
        policies=tuple(policies or ()),
        waivers=tuple(waivers or ()),
    )
    finish(
        run_pipeline(
            options, namespace=namespace, cluster=cluster, db=db, engine=engine, subscribers=subscribers
        )
    )


app.command()(services.watch)
app.command()(services.evaluate)
app.command()(services.sink)
app.command()(services.deliver)


@app.command()
def doctor(
    *,
    context: Context = None,
    db: Database = None,
    engine: Engine = None,
    policies: Policies = None,
    output: Annotated[DoctorFormat, typer.Option("--output", "-o", help="Format.")] = DoctorFormat.TABLE,
) -> None:
    """Check what Tocsin needs: settings, state, database, engines, what contains policies, a cluster.

    Each engine evaluates a simple policy in a worker process; an OPA server is asked
    for its health and version. A cluster that --context (or TOCSIN_CONTEXT) names is asked
    for its version and for each right that auditing it takes. Registries that the policies
    of -p name, and ask for configs or signatures, are asked whether they are there. A check
    that failed says what to do.

    \b
    Examples:
      tocsin doctor
      tocsin doctor --context production
      tocsin doctor -p policies/
      TOCSIN_OPA_URL=unix:///run/opa.sock tocsin doctor
      tocsin doctor --db postgresql://tocsin@db.example.com/tocsin -o json

    \b
    Exit codes:
      0  everything works
      3  something does not
    """
    from cli.doctor.run import doctor as run
    from cli.invoke import finish

    finish(run(output, context=context, db=db, engine=engine, policies=policies or []))


app.command()(report.report)


def tocsin() -> None:
    """The program: one command.

    While it imports, nothing looks for garbage, and Ctrl-C just ends it: `finish` has both as they were.
    """
    gc.disable()
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    app()

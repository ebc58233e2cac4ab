"""`tocsin report`: its options. What it does is in `cli.reporting`."""

from typing import Annotated

import typer

from cli.commands import filters
from cli.options import Database, PolicyReportApi


def _file(flag: str, help_: str) -> typer.models.OptionInfo:
    option: typer.models.OptionInfo = typer.Option(flag, metavar="FILE", help=help_)
    return option


def report(
    *,
    html: Annotated[str | None, _file("--html", "A page for people that needs nothing else.")] = None,
    markdown: Annotated[str | None, _file("--markdown", "The same in short, for a wiki or an issue.")] = None,
    csv: Annotated[
        str | None,
        _file("--csv", "A row for each violation that was there in the period, for a spreadsheet."),
    ] = None,
    policy_report: Annotated[
        str | None, _file("--policy-report", "What every policy says now, as PolicyReport objects in YAML.")
    ] = None,
    policy_report_api: Annotated[
        PolicyReportApi, typer.Option("--policy-report-api", help="Which API those objects are of.")
    ] = PolicyReportApi.WG_POLICY,
    since: Annotated[
        str, typer.Option("--since", metavar="TIME", help="Begin of the period: 24h, 7d, a date.")
    ] = "30d",
    cluster: filters.Cluster = None,
    policy: filters.Policy = None,
    namespace: filters.Namespace = None,
    mode: filters.Modes = None,
    severity: filters.Severity = None,
    db: Database = None,
) -> None:
    """Write where things stand and whether they get better, for people and for programs.

    Several forms may be written at once; - is standard output. The HTML page is one file: no
    script, nothing loaded from elsewhere, light and dark, on a phone and on paper.

    \b
    Examples:
      tocsin report --html report.html
      tocsin report --html shop.html --csv shop.csv -n 'shop,team-*' --since 90d
      tocsin report --markdown - --severity high >> $GITHUB_STEP_SUMMARY
      tocsin report --policy-report - --cluster production | kubectl apply -f -
    """
    from cli.invoke import finish
    from cli.narrowing import Said
    from cli.reporting.run import Outputs
    from cli.reporting.run import report as run
    from sink.queries.words import State

    said = Said(
        state=State.ALL,
        cluster=tuple(cluster or ()),
        policy=tuple(policy or ()),
        namespace=tuple(namespace or ()),
        mode=tuple(mode or ()),
        severity=tuple(severity or ()),
    )
    finish(run(Outputs(html, markdown, csv, policy_report, policy_report_api), said, since, db=db))

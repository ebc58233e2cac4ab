"""The report for people: a table of what was found, then errors and a summary.

The table is data (stdout); errors and the summary are talk (stderr), so they
are separate functions.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import TextIO

import msgspec

from cli.render.columns import Column, write_columns
from cli.render.text import counted, printable
from cli.render.wording import describe, places, sentence
from cli.report.model import ErrorItem, Finding, ScanReport, WaiverItem, mere_warnings
from pipeline.events import Mode

_COLUMNS = (
    Column("NAMESPACE", wraps=True),
    Column("KIND"),
    Column("NAME", wraps=True),
    Column("POLICY", wraps=True),
    Column("MODE"),
    Column("OUTCOME", styles={"fail": "bold red", "warn": "yellow"}),
    Column("MESSAGE", wraps=True),
)


def write(report: ScanReport, out: TextIO) -> None:
    """Write violations, then the warnings that are none, as one table; nothing where there are none."""
    findings = (*report.violations, *mere_warnings(report))
    write_columns(_COLUMNS, map(_row, findings), out)


def _row(finding: Finding) -> tuple[str, ...]:
    resource = finding.resource
    return (
        resource.namespace,
        resource.kind,
        resource.name,
        finding.policy,
        finding.mode,
        finding.outcome,
        describe(finding),
    )


def write_errors(report: ScanReport, out: TextIO) -> None:
    """Write a line for each error; one that a policy has with many resources is one line."""
    for line in error_lines(report.errors):
        _say("error: ", line, "bold red", out)


def error_lines(errors: Iterable[ErrorItem]) -> list[str]:
    """Errors as lines, in their order, those of one policy and message joined where the first is."""
    groups: defaultdict[object, list[ErrorItem]] = defaultdict(list)
    for index, error in enumerate(errors):
        of_many = error.policy is not None and error.resource is not None
        groups[(error.policy, error.message) if of_many else index].append(error)
    return [printable(_line(group)) for group in groups.values()]


def _line(group: list[ErrorItem]) -> str:
    first = group[0]
    if len(group) == 1:
        return sentence(first)
    resources = {(error.resource, error.file) for error in group}
    if len(resources) > 1:
        return f"policy {first.policy}: {first.message} ({counted(len(resources), 'resource')})"
    where = places(msgspec.structs.replace(first, image=None))
    return f"{': '.join([*where, first.message])} ({counted(len(group), 'image')})"


def write_summary(report: ScanReport, out: TextIO) -> None:
    """Write one line of counts."""
    _say("", summary_line(report), "bold", out)


def summary_line(report: ScanReport) -> str:
    """Counts in words; a warning that is a violation is not counted twice."""
    by_mode = [
        f"{sum(finding.mode is mode for finding in report.violations)} {mode}"
        for mode in (Mode.ENFORCE, Mode.WARN)
    ]
    violations = counted(len(report.violations), "violation")
    if report.violations:
        violations += f" ({', '.join(by_mode)})"
    warnings = counted(len(mere_warnings(report)), "warning")
    errors = counted(len(report.errors), "error")
    resources = counted(report.summary.resources, "resource")
    policies = counted(report.summary.policies, "policy")
    waived = f", {report.summary.waived} waived" if report.waived else ""
    return f"{resources}, {policies}: {violations}, {warnings}, {errors}{waived}"


def write_waivers(report: ScanReport, out: TextIO) -> None:
    """Write a line for each waiver: what it covers, or why it covers nothing; and what is wrong with it."""
    for waiver in report.waivers:
        line = f"{waiver.name}: {_covers(waiver)} ({waiver.owner}: {waiver.reason})"
        _say("waiver ", printable(line), "bold", out)
        for name in waiver.unknown_policies:
            _say("warning: ", printable(f"waiver {waiver.name}: there is no policy {name}"), "yellow", out)


def _covers(waiver: WaiverItem) -> str:
    end = f"{waiver.expires:%Y-%m-%d %H:%M} UTC"
    if waiver.expired:
        return f"expired {end}"
    if not waiver.waived:
        return f"covers nothing, expires {end}"
    return f"{counted(waiver.waived, 'violation')} until {end}"


def _say(label: str, line: str, style: str, out: TextIO) -> None:
    """Write a line, its label (or all of it, without a label) styled on a terminal."""
    if not out.isatty():
        out.write(f"{label}{line}\n")
        return
    from rich.console import Console
    from rich.text import Text

    text = Text.assemble((label, style), line) if label else Text(line, style=style)
    Console(file=out, highlight=False, markup=False, emoji=False).print(text, soft_wrap=True)

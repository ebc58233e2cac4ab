"""The linter's report: lines for people and editors, JSON and SARIF for machines."""

from collections.abc import Iterator
from typing import TextIO

from cli.authoring.lint_report import FoundMistake, LintReport
from cli.render import json_text, lint_sarif
from cli.render.text import counted, printable
from evaluator.lint.finding import Check, Severity

_STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.INFO: "cyan"}


def write(report: LintReport, output: str, out: TextIO) -> None:
    """Write the report as `output` says."""
    match output:
        case "json":
            json_text.stream(report, out.buffer)
        case "sarif":
            lint_sarif.write(report, out.buffer)
        case _:
            _write_lines(report, out)
    out.flush()


def summary_line(report: LintReport) -> str:
    """Counts in words."""
    summary = report.summary
    counts = [
        counted(summary.errors, "error"),
        counted(summary.warnings, "warning"),
        f"{summary.infos} info",
    ]
    return f"{counted(summary.policies, 'policy')}: {', '.join(counts)}"


def explanation(check: Check) -> str:
    """A check in words."""
    lines = [f"{check.id} {check.slug} ({check.severity})", check.title, "", check.why]
    if check.bad:
        lines += ["", f"Instead of:  {check.bad}"]
    if check.good:
        lines += [f"Write:       {check.good}"]
    return "\n".join(lines) + "\n"


def _write_lines(report: LintReport, out: TextIO) -> None:
    if not out.isatty():
        out.writelines(f"{line}\n" for finding in report.findings for line in _lines(finding))
        return
    from rich.console import Console
    from rich.text import Text

    console = Console(file=out, highlight=False, markup=False, emoji=False)
    for finding in report.findings:
        first, *rest = _lines(finding)
        text = Text(first)
        text.highlight_words([f" {finding.severity.value} "], _STYLES[finding.severity])
        console.print(text, soft_wrap=True)
        for line in rest:
            console.print(Text(line, style="green"), soft_wrap=True)


def _lines(finding: FoundMistake) -> Iterator[str]:
    """`FILE:LINE:COLUMN: SEVERITY RULE NAME: MESSAGE`, as compilers write it, and the fix below."""
    place = f"{finding.file}:{finding.line}:{finding.column}"
    what = f"{finding.severity} {finding.rule} {finding.name}"
    where = f"{finding.path}: " if finding.path else ""
    if not finding.exact:
        where = f"line {finding.text_line} of the text: "
    yield printable(f"{place}: {what}: {where}{finding.message}")
    if finding.fix:
        yield printable(f"    fix: {finding.fix}")

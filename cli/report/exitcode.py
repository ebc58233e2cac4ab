"""What a scan's exit code says. See `pipeline.errors.ExitCode`."""

from cli.report.model import ScanReport
from pipeline.errors import ExitCode
from pipeline.events import Mode


def exit_code(report: ScanReport, *, strict: bool, unreadable: bool) -> ExitCode:
    """The exit code of a finished scan.

    `unreadable`: a path that the user named could not be read at all. `strict`:
    violations in mode `warn` and warnings count as well. What was found goes
    before what could not be evaluated.
    """
    if unreadable:
        return ExitCode.USAGE
    if strict:
        violated = bool(report.violations or report.warnings)
    else:
        violated = any(finding.mode is Mode.ENFORCE for finding in report.violations)
    if violated:
        return ExitCode.VIOLATIONS
    return ExitCode.FAILED if report.errors else ExitCode.OK

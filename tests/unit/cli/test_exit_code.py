"""The exit code of a scan for each kind of report. Not here: what the CLI does with it."""

import pytest

from cli.report.exitcode import exit_code
from pipeline.bus import Record
from pipeline.errors import ExitCode
from pipeline.events import Outcome
from tests.unit.cli.builders import WARN_POLICY, report_of, unreadable, verdict

ENFORCED_FAIL = verdict()
ENFORCED_WARN = verdict(Outcome.WARN)
WARNED_FAIL = verdict(policy=WARN_POLICY)
WARNED_WARN = verdict(Outcome.WARN, policy=WARN_POLICY)
ERROR = unreadable()


@pytest.mark.parametrize(
    ("records", "lenient", "strict"),
    [
        ([], ExitCode.OK, ExitCode.OK),
        ([verdict(Outcome.PASS)], ExitCode.OK, ExitCode.OK),
        ([WARNED_WARN], ExitCode.OK, ExitCode.VIOLATIONS),
        ([WARNED_FAIL], ExitCode.OK, ExitCode.VIOLATIONS),
        ([ENFORCED_WARN], ExitCode.VIOLATIONS, ExitCode.VIOLATIONS),
        ([ENFORCED_FAIL], ExitCode.VIOLATIONS, ExitCode.VIOLATIONS),
        ([ERROR], ExitCode.FAILED, ExitCode.FAILED),
        ([WARNED_FAIL, ERROR], ExitCode.FAILED, ExitCode.VIOLATIONS),
        ([ENFORCED_FAIL, ERROR], ExitCode.VIOLATIONS, ExitCode.VIOLATIONS),
    ],
)
def test_the_exit_code_says_what_was_found_before_what_failed(
    records: list[Record], lenient: ExitCode, strict: ExitCode
) -> None:
    report = report_of(records)
    assert exit_code(report, strict=False, unreadable=False) is lenient
    assert exit_code(report, strict=True, unreadable=False) is strict


def test_a_named_path_that_cannot_be_read_is_a_usage_error_whatever_was_found() -> None:
    assert exit_code(report_of([ENFORCED_FAIL]), strict=False, unreadable=True) is ExitCode.USAGE

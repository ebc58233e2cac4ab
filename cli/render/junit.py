"""JUnit XML, as Jenkins, GitLab and Azure Pipelines read it.

One `testsuite` for each policy, and one named `sources` for what could not be
read. Counts in attributes are those of the `testcase` elements, because readers
add them up themselves:

- a violation in any mode is a test case with a `failure` (its `type` is the mode),
- a warning that is no violation is a passed test case with the warning in `system-out`,
- a violation that a waiver covers is a test case that is `skipped`, with who accepted it and why,
- an error is a test case with an `error`,
- all that passed is one passed test case, so that a clean policy shows as tested.

How many evaluations a policy had, by outcome, is in the suite's `properties`.
No `time` and no `timestamp`: equal audits give equal files.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from typing import BinaryIO

import msgspec

from cli.render.junit_xml import Case, Suite, write_suites
from cli.render.text import counted
from cli.render.wording import describe, full_name, places, sentence
from cli.report.model import (
    ErrorItem,
    Finding,
    PolicyItem,
    ScanReport,
    WaiverItem,
    is_violation,
    mere_warnings,
    policies_by_name,
)

SOURCES = "sources"


def write(report: ScanReport, out: BinaryIO) -> None:
    """Write the report as one `testsuites` document."""
    write_suites(list(_suites(report)), out)


def _suites(report: ScanReport) -> Iterator[Suite]:
    cases: defaultdict[str | None, list[Case]] = defaultdict(list)
    for finding in (*report.violations, *mere_warnings(report)):
        cases[finding.policy].append(_finding_case(finding))
    waivers = {waiver.name: waiver for waiver in report.waivers}
    for finding in report.waived:
        cases[finding.policy].append(_waived_case(finding, waivers.get(finding.waiver or "")))
    for error in report.errors:
        cases[error.policy].append(_error_case(error))
    for name, item in policies_by_name(report).items():
        passed = item.outcomes.passed
        # Its name stays the same from run to run: readers keep a history by name.
        detail = f"{counted(passed, 'evaluation')} passed"
        summary = [Case("passed evaluations", detail=detail)] if passed else []
        yield Suite(name, [*summary, *cases[name]], _properties(item))
    if None in cases:
        yield Suite(SOURCES, cases[None], {})


def _properties(item: PolicyItem) -> dict[str, str]:
    outcomes = msgspec.to_builtins(item.outcomes)
    return {"mode": item.mode, "evaluations": str(item.outcomes.evaluations)} | {
        name: str(count) for name, count in outcomes.items()
    }


def _finding_case(finding: Finding) -> Case:
    lines = {
        "message": finding.message,
        "warning": finding.warning,
        "owner": finding.owner and full_name(finding.owner),
        "images": ", ".join(finding.images),
        "file": finding.file,
    }
    return Case(
        name=_case_name(full_name(finding.resource), finding.image),
        file=finding.file or "",
        verdict="failure" if is_violation(finding) else "system-out",
        type=finding.mode,
        message=describe(finding),
        detail="\n".join(f"{name}: {text}" for name, text in lines.items() if text),
    )


def _waived_case(finding: Finding, waiver: WaiverItem | None) -> Case:
    who = f" by {waiver.owner} until {waiver.expires.isoformat()}: {waiver.reason}" if waiver else ""
    case = _finding_case(finding)
    return replace(case, verdict="skipped", message=f"waived ({finding.waiver}){who}")


def _error_case(error: ErrorItem) -> Case:
    if error.resource:
        subject = _case_name(full_name(error.resource), error.image)
    else:
        subject = error.policy or next(iter(places(error)), "log")
    return Case(
        name=subject,
        file=error.file or "",
        verdict="error",
        type="error",
        message=error.message,
        detail=sentence(error),
    )


def _case_name(subject: str, image: str | None) -> str:
    return f"{subject} ({image})" if image else subject

"""The report of policies' tests: lines for people, JSON and JUnit for machines."""

from collections.abc import Iterator
from typing import TextIO

from cli.authoring.layout import Expected
from cli.authoring.report import CaseReport, PolicyReport, Status, TestReport
from cli.render import json_text
from cli.render.junit_xml import Case, Suite, write_suites
from cli.render.text import counted, printable


def write(report: TestReport, output: str, out: TextIO, *, verbose: bool) -> None:
    """Write the report as `output` says."""
    match output:
        case "json":
            json_text.stream(report, out.buffer)
        case "junit":
            write_suites(list(_suites(report)), out.buffer)
        case _:
            out.writelines(printable(line) + "\n" for line in _lines(report, verbose=verbose))
    out.flush()


def summary_line(report: TestReport) -> str:
    """Counts in words."""
    parts = [f"{report.passed} passed", f"{report.failed} failed"]
    if report.errored:
        parts.append(counted(report.errored, "error"))
    return ", ".join(parts)


def _lines(report: TestReport, *, verbose: bool) -> Iterator[str]:
    """One for each test that did not pass; with `verbose`, for each that did, too."""
    for policy in report.policies:
        if policy.problem and not verbose and (left := _not_run(policy)):
            where = f"{policy.file}:{policy.line}"
            yield f"ERROR {where}: policy {policy.name}: {policy.problem} ({counted(left, 'test')} not run)"
        for case in policy.cases:
            if verbose or (case.status is not Status.PASSED and not (policy.problem and _is_error(case))):
                yield _line(case)


def _not_run(policy: PolicyReport) -> int:
    return sum(map(_is_error, policy.cases))


def _is_error(case: CaseReport) -> bool:
    return case.status is Status.ERROR


def _line(case: CaseReport) -> str:
    start = f"{case.status.upper()} {case.file}:{case.line}: {case.resource}: policy {case.policy}"
    if case.status is not Status.PASSED:
        return f"{start}: {case.reason}"
    if case.got is Expected.SKIP:
        return f"{start}: no match"
    return f"{start}: {case.got}" + (f": {case.message}" if case.message else "")


def _suites(report: TestReport) -> Iterator[Suite]:
    for policy in report.policies:
        yield Suite(policy.name, [_case(case) for case in policy.cases])
    if report.errors:
        yield Suite("sources", [_error(text) for text in report.errors])


def _case(case: CaseReport) -> Case:
    where = f"{case.file}:{case.line}"
    if case.status is Status.PASSED:
        return Case(f"{case.expected}: {case.resource}", where, detail=case.message)
    return Case(
        f"{case.expected}: {case.resource}",
        where,
        verdict="failure" if case.status is Status.FAILED else "error",
        type=case.expected,
        message=case.reason,
        detail=f"{where}: {case.reason}",
    )


def _error(text: str) -> Case:
    return Case(text.partition(": ")[0], verdict="error", type="error", message=text, detail=text)

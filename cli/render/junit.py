"""JUnit XML, as Jenkins, GitLab and Azure Pipelines read it.

One `testsuite` for each policy, and one named `sources` for what could not be
read. Counts in attributes are those of the `testcase` elements, because readers
add them up themselves:

- a violation in any mode is a test case with a `failure` (its `type` is the mode),
- a warning that is no violation is a passed test case with the warning in `system-out`,
- an error is a test case with an `error`,
- all that passed is one passed test case, so that a clean policy shows as tested.

How many evaluations a policy had, by outcome, is in the suite's `properties`.
No `time` and no `timestamp`: equal audits give equal files.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Literal

import msgspec

from cli.render.text import counted
from cli.render.wording import describe, full_name, places
from cli.report.model import (
    ErrorItem,
    Finding,
    PolicyItem,
    ScanReport,
    is_violation,
    mere_warnings,
    policies_by_name,
)

SOURCES = "sources"

_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 (section 2.2) cannot hold, not even escaped."""


@dataclass(frozen=True, slots=True)
class _Case:
    """A test case; `file` tells apart two of one name."""

    name: str
    file: str = ""
    verdict: Literal["failure", "error", "system-out"] = "system-out"
    type: str = ""
    message: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class _Suite:
    name: str
    cases: list[_Case]
    properties: dict[str, str]

    def count(self, verdict: str) -> int:
        return sum(case.verdict == verdict for case in self.cases)


def write(report: ScanReport, out: BinaryIO) -> None:
    """Write the report as one `testsuites` document."""
    suites = list(_suites(report))
    tests = sum(len(suite.cases) for suite in suites)
    failures, errors = (sum(suite.count(verdict) for suite in suites) for verdict in ("failure", "error"))
    attributes = _attributes(name="tocsin", tests=tests, failures=failures, errors=errors)
    out.write(b'<?xml version="1.0" encoding="UTF-8"?>\n')
    out.write(f"<testsuites{attributes}>\n".encode())
    for suite in suites:
        out.writelines(line.encode() for line in _suite_lines(suite))
    out.write(b"</testsuites>\n")


def _suites(report: ScanReport) -> Iterator[_Suite]:
    cases: defaultdict[str | None, list[_Case]] = defaultdict(list)
    for finding in (*report.violations, *mere_warnings(report)):
        cases[finding.policy].append(_finding_case(finding))
    for error in report.errors:
        cases[error.policy].append(_error_case(error))
    for name, item in policies_by_name(report).items():
        passed = item.outcomes.passed
        # Its name stays the same from run to run: readers keep a history by name.
        detail = f"{counted(passed, 'evaluation')} passed"
        summary = [_Case("passed evaluations", detail=detail)] if passed else []
        yield _Suite(name, [*summary, *cases[name]], _properties(item))
    if None in cases:
        yield _Suite(SOURCES, cases[None], {})


def _properties(item: PolicyItem) -> dict[str, str]:
    outcomes = msgspec.to_builtins(item.outcomes)
    return {"mode": item.mode, "evaluations": str(item.outcomes.evaluations)} | {
        name: str(count) for name, count in outcomes.items()
    }


def _finding_case(finding: Finding) -> _Case:
    lines = {
        "message": finding.message,
        "warning": finding.warning,
        "owner": finding.owner and full_name(finding.owner),
        "images": ", ".join(finding.images),
        "file": finding.file,
    }
    return _Case(
        name=_case_name(full_name(finding.resource), finding.image),
        file=finding.file or "",
        verdict="failure" if is_violation(finding) else "system-out",
        type=finding.mode,
        message=describe(finding),
        detail="\n".join(f"{name}: {text}" for name, text in lines.items() if text),
    )


def _error_case(error: ErrorItem) -> _Case:
    if error.resource:
        subject = _case_name(full_name(error.resource), error.image)
    else:
        subject = error.policy or next(iter(places(error)), "log")
    return _Case(
        name=subject,
        file=error.file or "",
        verdict="error",
        type="error",
        message=error.message,
        detail=": ".join([*places(error), error.message]),
    )


def _case_name(subject: str, image: str | None) -> str:
    return f"{subject} ({image})" if image else subject


def _suite_lines(suite: _Suite) -> Iterator[str]:
    attributes = _attributes(
        name=suite.name,
        tests=len(suite.cases),
        failures=suite.count("failure"),
        errors=suite.count("error"),
        skipped=0,
    )
    yield f"  <testsuite{attributes}>\n"
    if suite.properties:
        yield "    <properties>\n"
        for name, value in suite.properties.items():
            yield f"      <property{_attributes(name=name, value=value)}/>\n"
        yield "    </properties>\n"
    for name, case in _uniquely_named(suite.cases):
        yield from _case_lines(suite.name, name, case)
    yield "  </testsuite>\n"


def _uniquely_named(cases: list[_Case]) -> Iterator[tuple[str, _Case]]:
    """Each case with its name; with file or number where needed: GitLab shows one case a name."""
    shared = Counter(case.name for case in cases)
    numbers: Counter[str] = Counter()
    used: set[str] = set()
    for case in cases:
        name = _legal(f"{case.name} in {case.file}" if shared[case.name] > 1 and case.file else case.name)
        unique = name
        while unique in used:
            numbers[name] += 1
            unique = f"{name} #{numbers[name] + 1}"
        used.add(unique)
        yield unique, case


def _case_lines(suite: str, name: str, case: _Case) -> Iterator[str]:
    attributes = "" if case.verdict == "system-out" else _attributes(message=case.message, type=case.type)
    yield f"    <testcase{_attributes(classname=suite, name=name)}>\n"
    yield f"      <{case.verdict}{attributes}>{_text(case.detail)}</{case.verdict}>\n"
    yield "    </testcase>\n"


def _attributes(**values: str | int) -> str:
    from xml.sax.saxutils import quoteattr

    return "".join(f" {name}={quoteattr(_legal(str(value)))}" for name, value in values.items())


def _text(text: str) -> str:
    from xml.sax.saxutils import escape

    return escape(_legal(text), {"\r": "&#13;"})


def _legal(text: str) -> str:
    return _ILLEGAL.sub("\ufffd", text)

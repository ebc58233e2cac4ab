"""Suites and cases to JUnit XML; what they stand for is said in `junit` and `policy_tests`."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO, Literal

_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 (section 2.2) cannot hold, not even escaped."""


@dataclass(frozen=True, slots=True)
class Case:
    """A test case; `file` tells apart two of one name."""

    name: str
    file: str = ""
    verdict: Literal["failure", "error", "skipped", "system-out"] = "system-out"
    type: str = ""
    message: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Suite:
    """A test suite. `properties`: numbers and words about it."""

    name: str
    cases: Sequence[Case]
    properties: dict[str, str] = field(default_factory=dict)

    def count(self, verdict: str) -> int:
        """How many of its cases have this verdict."""
        return sum(case.verdict == verdict for case in self.cases)


def write_suites(suites: Sequence[Suite], out: BinaryIO) -> None:
    """Write one `testsuites` document, with counts that are those of its elements."""
    tests = sum(len(suite.cases) for suite in suites)
    failures, errors = (sum(suite.count(verdict) for suite in suites) for verdict in ("failure", "error"))
    attributes = _attributes(name="tocsin", tests=tests, failures=failures, errors=errors)
    out.write(b'<?xml version="1.0" encoding="UTF-8"?>\n')
    out.write(f"<testsuites{attributes}>\n".encode())
    for suite in suites:
        out.writelines(line.encode() for line in _suite_lines(suite))
    out.write(b"</testsuites>\n")


def _suite_lines(suite: Suite) -> Iterator[str]:
    attributes = _attributes(
        name=suite.name,
        tests=len(suite.cases),
        failures=suite.count("failure"),
        errors=suite.count("error"),
        skipped=suite.count("skipped"),
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


def _uniquely_named(cases: Sequence[Case]) -> Iterator[tuple[str, Case]]:
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


def _case_lines(suite: str, name: str, case: Case) -> Iterator[str]:
    match case.verdict:
        case "system-out":
            attributes = ""
        case "skipped":  # the schemas know a message, and no type
            attributes = _attributes(message=case.message)
        case _:
            attributes = _attributes(message=case.message, type=case.type)
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

"""What the linter found in some files: what `tocsin policies lint -o json` prints (`tocsin.dev/v1`).

Every key is always there; a text with nothing to say is "".
"""

from typing import Literal

import msgspec

from evaluator.lint.finding import Severity


class _Part(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Immutable, camelCase in JSON."""


class FoundMistake(_Part, frozen=True):
    """One finding. Lines and columns count from 1; those of the text are 0 where it is about a field."""

    rule: str
    name: str
    severity: Severity
    policy: str
    file: str
    line: int
    column: int
    exact: bool
    """False where line and column are those of the field, because its text is written in another way."""
    path: str
    """The field; "" where it is a place in the text."""
    text_line: int
    text_column: int
    message: str
    fix: str


class LintSummary(_Part, frozen=True):
    """Counts."""

    policies: int
    errors: int
    warnings: int
    infos: int


class LintReport(_Part, frozen=True):
    """Everything. `unreadable`: what could not be read, one line each."""

    api_version: Literal["tocsin.dev/v1"]
    kind: Literal["LintReport"]
    summary: LintSummary
    findings: tuple[FoundMistake, ...]
    unreadable: tuple[str, ...]


def report_of(policies: int, findings: tuple[FoundMistake, ...], unreadable: tuple[str, ...]) -> LintReport:
    """Count."""
    severities = [finding.severity for finding in findings]
    summary = LintSummary(
        policies=policies,
        errors=severities.count(Severity.ERROR),
        warnings=severities.count(Severity.WARNING),
        infos=severities.count(Severity.INFO),
    )
    return LintReport(
        api_version="tocsin.dev/v1",
        kind="LintReport",
        summary=summary,
        findings=findings,
        unreadable=unreadable,
    )

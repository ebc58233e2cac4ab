"""What the linter can say, and what it said of one policy."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from evaluator.lint.syntax import Place


class Severity(StrEnum):
    """`error`: the policy cannot do what it says. `info`: worth knowing, may well be meant."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Check:
    """One mistake that the linter knows. `id` never changes, `slug` is the same in words."""

    id: str
    slug: str
    severity: Severity
    title: str
    why: str
    bad: str = ""
    good: str = ""

    def at(self, place: Place, message: str, fix: str = "") -> "Finding":
        """Say that it stands there in the policy's text."""
        return Finding(self, message, fix, line=place.line, column=place.column)

    def of(self, path: str, message: str, fix: str = "") -> "Finding":
        """Say that it stands in a field of the object."""
        return Finding(self, message, fix, path=path)


@dataclass(frozen=True, slots=True)
class Finding:
    """A mistake in one policy: in its text (line and column from 1), or in a field of the object."""

    check: Check
    message: str
    fix: str = ""
    path: str = ""
    line: int = 0
    column: int = 0


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Those of the object first, then those of the text by their place; none twice."""
    unique = {(each.check.id, each.path, each.line, each.column): each for each in reversed(list(findings))}
    return tuple(sorted(unique.values(), key=lambda each: (each.line, each.column, each.path, each.check.id)))

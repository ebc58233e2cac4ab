"""Findings that the author has decided to live with. Pure.

In the text: `# tocsin:ignore=some-not-all why` at the end of the line, or on a line of its
own above it. For the object: the annotation `tocsin.dev/lint-ignore`, names with commas.
A check is named by its id or its slug.
"""

import re
from collections.abc import Iterable, Iterator

from evaluator.lint.finding import Check, Finding

ANNOTATION = "tocsin.dev/lint-ignore"
_COMMENT = re.compile(r"#\s*tocsin:ignore=([\w,-]+)")


def names(text: str) -> frozenset[str]:
    """Names with commas between them."""
    return frozenset(part.strip().lower() for part in text.split(",") if part.strip())


def is_named(check: Check, wanted: frozenset[str]) -> bool:
    """Whether a check is among the names."""
    return check.id.lower() in wanted or check.slug in wanted


def without_ignored(findings: Iterable[Finding], text: str, annotation: object) -> Iterator[Finding]:
    """Those that are left."""
    everywhere = names(annotation) if isinstance(annotation, str) else frozenset()
    by_line: dict[int, frozenset[str]] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        if match := _COMMENT.search(line):
            alone = line.lstrip().startswith("#")
            for covered in (number, number + 1) if alone else (number,):
                by_line[covered] = by_line.get(covered, frozenset()) | names(match[1])
    for finding in findings:
        ignored = everywhere | by_line.get(finding.line, frozenset())
        if not is_named(finding.check, ignored):
            yield finding

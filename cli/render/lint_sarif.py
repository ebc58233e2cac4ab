"""The linter's report as SARIF 2.1.0. See `cli.render.sarif`.

Here the checks are the rules, and every result has a line and a column.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from cli.authoring.lint_report import FoundMistake, LintReport
from cli.render.json_text import stream
from cli.render.sarif import INFORMATION_URI, SCHEMA_URI, artifact, message_text
from evaluator.lint.finding import Check, Severity
from evaluator.lint.linting import CHECKS
from pipeline.version import __version__

_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
_ROOT = "%SRCROOT%"


def write(report: LintReport, out: BinaryIO) -> None:
    """Write the report as a SARIF log with one run; URIs are relative to the working directory."""
    base = str(Path.cwd())
    run = {
        "tool": {
            "driver": {
                "name": "Tocsin policies lint",
                "version": __version__,
                "semanticVersion": __version__,
                "informationUri": INFORMATION_URI,
                "rules": [_rule(check) for check in CHECKS],
            }
        },
        "invocations": [
            {
                "executionSuccessful": not report.unreadable,
                "toolExecutionNotifications": [
                    {"level": "error", "message": {"text": message_text(line)}} for line in report.unreadable
                ],
            }
        ],
        "originalUriBaseIds": {_ROOT: {"description": {"text": "The directory that Tocsin was run in."}}},
        "columnKind": "unicodeCodePoints",
        "results": list(_results(report, base)),
    }
    stream({"$schema": SCHEMA_URI, "version": "2.1.0", "runs": [run]}, out)


def _rule(check: Check) -> dict[str, Any]:
    level = _LEVELS[check.severity]
    examples = f" Instead of `{check.bad}` write `{check.good}`." if check.bad and check.good else ""
    return {
        "id": check.id,
        "name": check.slug,
        "shortDescription": {"text": message_text(check.title)},
        "fullDescription": {"text": message_text(check.why)},
        "help": {"text": message_text(f"{check.why}{examples}")},
        "defaultConfiguration": {"level": level},
        "properties": {"tags": ["policy"], "problem.severity": level.replace("note", "recommendation")},
    }


def _results(report: LintReport, base: str) -> Iterator[dict[str, Any]]:
    indexes = {check.id: index for index, check in enumerate(CHECKS)}
    seen: Counter[str] = Counter()
    for finding in report.findings:
        text = f"{finding.message}; {finding.fix}" if finding.fix else finding.message
        fingerprint = _fingerprint(finding)
        seen[fingerprint] += 1
        yield {
            "ruleId": finding.rule,
            "ruleIndex": indexes[finding.rule],
            "level": _LEVELS[finding.severity],
            "message": {"text": message_text(text)},
            "locations": [
                {
                    "physicalLocation": {
                        "artifactLocation": artifact(finding.file, base),
                        "region": {"startLine": finding.line, "startColumn": finding.column},
                    },
                    "logicalLocations": [
                        {
                            "name": finding.policy,
                            "fullyQualifiedName": f"ClusterImagePolicy/{finding.policy}",
                            "kind": "resource",
                        }
                    ],
                }
            ],
            # The same in the next run, wherever the line has gone; the number tells apart what is alike.
            "partialFingerprints": {"primaryLocationLineHash": f"{fingerprint[:16]}:{seen[fingerprint]}"},
        }


def _fingerprint(finding: FoundMistake) -> str:
    identity = (finding.rule, finding.file, finding.policy, finding.path, finding.message)
    return hashlib.sha256("\0".join(identity).encode()).hexdigest()

"""SARIF 2.1.0 (OASIS), in the subset that GitHub code scanning shows.

A policy is a rule, a violation or warning a result, an error a notification.
Violations have level `error` in mode `enforce` and `warning` in mode `warn`;
warnings that are no violations have level `note`. What a waiver covers is a suppressed
result. Sections cited are those of the specification; GitHub's wishes are from "SARIF
support for code scanning": a rule has its three texts, a result has a location and a fingerprint.
"""

import hashlib
import re
from pathlib import PurePath
from typing import Any, BinaryIO
from urllib.parse import quote

from cli.render.json_text import stream
from cli.render.wording import describe, full_name, sentence
from cli.report.model import (
    ErrorItem,
    Finding,
    PolicyItem,
    Resource,
    ScanReport,
    WaiverItem,
    is_violation,
    mere_warnings,
    policies_by_name,
)
from pipeline.events import Mode
from pipeline.version import __version__

SCHEMA_URI = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
INFORMATION_URI = "https://tocsin.dev"

_ROOT = "%SRCROOT%"
_TEXT_LIMIT = 1024  # GitHub takes 1,024 characters of a rule's description
_LEVELS = {Mode.ENFORCE: "error", Mode.WARN: "warning"}


def write(report: ScanReport, out: BinaryIO, *, base: str = "") -> None:
    """Write the report as a SARIF log with one run.

    `base`: absolute path of the directory that URIs are relative to (the
    checkout, so usually the working directory); files elsewhere get `file:` URIs.
    """
    rules = policies_by_name(report)
    indexes = {name: index for index, name in enumerate(rules)}
    findings = (*report.violations, *mere_warnings(report), *report.waived)
    waivers = {waiver.name: waiver for waiver in report.waivers}
    run = {
        "tool": {
            "driver": {
                "name": "Tocsin",
                "version": __version__,
                "semanticVersion": __version__,
                "informationUri": INFORMATION_URI,
                "rules": [_rule(item) for item in rules.values()],
            }
        },
        "invocations": [
            {
                "executionSuccessful": not report.errors,
                "toolExecutionNotifications": (
                    _notification(error, indexes, base) for error in report.errors
                ),
            }
        ],
        "originalUriBaseIds": {_ROOT: {"description": {"text": "The directory that Tocsin was run in."}}},
        "columnKind": "unicodeCodePoints",
        "results": (
            _result(finding, indexes[finding.policy], base) | _suppressed(waivers.get(finding.waiver or ""))
            for finding in findings
        ),
    }
    stream({"$schema": SCHEMA_URI, "version": "2.1.0", "runs": [run]}, out)


def _rule(item: PolicyItem) -> dict[str, Any]:
    title = message_text(item.title or item.name)[:_TEXT_LIMIT]
    level = _LEVELS[item.mode]
    help_text = (
        f"The ClusterImagePolicy {item.name} is in mode {item.mode}. "
        f"`tocsin policies show {item.name}` prints it, `tocsin policies explain` says why an object fails."
    )
    return {
        "id": item.name,
        "shortDescription": {"text": title},
        "fullDescription": {"text": title},
        "help": {"text": message_text(help_text)},
        "defaultConfiguration": {"level": level},
        "properties": {"tags": ["kubernetes", "policy"], "problem.severity": level},
    }


def _result(finding: Finding, rule_index: int, base: str) -> dict[str, Any]:
    fingerprint = _fingerprint(finding)
    text = f"{full_name(finding.resource)}: {describe(finding) or finding.outcome}"
    return {
        "ruleId": finding.policy,
        "ruleIndex": rule_index,
        "level": _LEVELS[finding.mode] if is_violation(finding) else "note",
        "message": {"text": message_text(text)},
        "locations": [_location(finding.file, finding.resource, base)],
        # GitHub tells alerts apart by primaryLocationLineHash; without it, it would hash line 1.
        "partialFingerprints": {
            "primaryLocationLineHash": f"{fingerprint[:16]}:1",
            "tocsinFinding/v1": fingerprint,
        },
        "properties": {"mode": finding.mode, "outcome": finding.outcome, "images": list(finding.images)},
    }


def _suppressed(waiver: WaiverItem | None) -> dict[str, Any]:
    """That somebody accepted it, who and why (section 3.35); code scanning closes such an alert.

    Without `status`, which says so by default: schemas before the final one call it `state`.
    """
    if waiver is None:
        return {}
    text = f"{waiver.owner}: {waiver.reason} (waiver {waiver.name}, until {waiver.expires.isoformat()})"
    return {"suppressions": [{"kind": "external", "justification": text}]}


def _location(file: str | None, resource: Resource | None, base: str) -> dict[str, Any]:
    """Where: the manifest and the object in it.

    An object of a cluster has no file, and GitHub refuses a result without one:
    its name stands for the file.
    """
    name = full_name(resource) if resource else ""
    location: dict[str, Any] = {
        "physicalLocation": {
            "artifactLocation": artifact(file, base) if file else {"uri": quote(name), "uriBaseId": _ROOT},
            "region": {"startLine": 1},
        }
    }
    if resource:
        logical = {"name": resource.name, "fullyQualifiedName": name, "kind": "resource"}
        location["logicalLocations"] = [logical]
    return location


def artifact(file: str, base: str) -> dict[str, str]:
    """An artifactLocation (section 3.4): a URI relative to `base` where the file is below it."""
    path = PurePath(file)
    if base and path.is_relative_to(base):
        path = path.relative_to(base)
    if path.is_absolute():
        return {"uri": f"file://{quote(path.as_posix())}"}
    # Encoded are also colons, so that "a:b.yaml" has no scheme.
    return {"uri": quote(path.as_posix()), "uriBaseId": _ROOT}


def _notification(error: ErrorItem, indexes: dict[str, int], base: str) -> dict[str, Any]:
    text = message_text(sentence(error))
    notification: dict[str, Any] = {"level": "error", "message": {"text": text}}
    if error.policy is not None:
        notification["associatedRule"] = {"id": error.policy, "index": indexes[error.policy]}
    if error.file or error.resource:
        notification["locations"] = [_location(error.file, error.resource, base)]
    return notification


def message_text(text: str) -> str:
    """Plain text as a SARIF message: foreign text must not make links or arguments.

    `[text](target)` is a link (section 3.11.6), `{0}` an argument (3.11.5).
    """
    return re.sub(r"\{(\d+)\}", r"{{\1}}", text.replace("](", "] ("))


def _fingerprint(finding: Finding) -> str:
    """The same for the same finding in any run; the message may be worded anew."""
    identity = (
        finding.policy,
        finding.resource.api_version,
        full_name(finding.resource),
        finding.image or "",
        finding.file or "",
    )
    return hashlib.sha256("\0".join(identity).encode()).hexdigest()

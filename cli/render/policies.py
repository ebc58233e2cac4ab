"""Policies as table rows, CSV records and a page about one of them. Pure."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from cli.render.columns import Column, Row, age
from cli.render.fields import Field
from cli.render.items import Layout
from cli.render.text import counted
from sink.queries.model import Policy

_COLUMNS = (
    Column("NAME"),
    Column("CLUSTER", wide=True),
    Column("MODE", styles={"enforce": "bold red", "warn": "yellow"}),
    Column("STATUS", styles={"ready": "green", "invalid": "bold red", "unsupported": "bold red"}),
    Column("ENGINE"),
    Column("VIOLATIONS"),
    Column("ERRORS"),
    Column("AGE"),
    Column("FILE", wraps=True, wide=True),
    Column("TITLE", wraps=True, wide=True),
    Column("PROBLEM", wraps=True),
)

_FIELDS = tuple(
    map(
        Column,
        (
            *("NAME", "CLUSTER", "MODE", "STATUS", "ENGINE", "VIOLATIONS", "ERRORS", "APPLIED AT"),
            *("FILE", "TITLE", "PROBLEM"),
        ),
    )
)


def layout(now: datetime) -> Layout[Policy]:
    """How policies are listed."""

    def row(policy: Policy) -> Row:
        return (*_start(policy), age(now - policy.applied_at), *_rest(policy))

    return Layout(_COLUMNS, row, _FIELDS, _record, lambda policy: policy.name)


def status(policy: Policy) -> str:
    """Whether it works, in one word."""
    if policy.error:
        return "invalid"
    if policy.unsupported:
        return "unsupported"
    return "ready" if policy.mode else "loading"


def problem(policy: Policy) -> str:
    """Why it does not work, or what the linter thinks of it."""
    findings = counted(len(policy.findings), "lint finding") if policy.findings else ""
    return policy.error or policy.unsupported or findings


def _start(policy: Policy) -> Row:
    return (
        policy.name,
        policy.cluster,
        policy.mode,
        status(policy),
        policy.engine or "",
        str(policy.violations),
        str(policy.errors),
    )


def _rest(policy: Policy) -> Row:
    return (policy.file or "", policy.title, problem(policy))


def _record(policy: Policy) -> Row:
    return (*_start(policy), policy.applied_at.isoformat(), *_rest(policy))


def fields(policy: Policy, now: datetime) -> Iterator[Field]:
    """A page about one policy."""
    yield "Policy", policy.name
    yield "Title", policy.title
    yield "Severity", policy.severity or ""
    yield "About", policy.description or ""
    yield "Link", policy.url or ""
    yield "Cluster", policy.cluster
    yield "Mode", policy.mode
    yield "File", policy.file or ""
    yield "Digest", policy.digest
    yield "Applied", f"{policy.applied_at:%Y-%m-%d %H:%M:%S} UTC ({age(now - policy.applied_at)} ago)"
    yield "Status", status(policy)
    yield "Error", policy.error or ""
    yield "Unsupported", policy.unsupported or ""
    yield "Engine", policy.engine or ""
    yield "Not chosen", [f"{engine}: {reason}" for engine, reason in policy.refusals.items()]
    yield "Reads", policy.reads
    yield "Asks", [f"registries for {each}" for each in policy.asks]
    yield "Not remembered", policy.memo
    yield "Findings", [_finding(finding) for finding in policy.findings]
    yield "Violations", f"{policy.violations} open"
    yield "Errors", counted(policy.errors, "resource") + " not evaluated" if policy.errors else ""
    yield "Next", list(_next(policy))


def _finding(finding: dict[str, Any]) -> str:
    place = f"{finding['line']}:{finding.get('column', 0)}: " if finding.get("line") else ""
    fix = f" ({finding['fix']})" if finding.get("fix") else ""
    return f"{place}{finding['severity']} {finding['rule']}: {finding['message']}{fix}"


def _next(policy: Policy) -> Iterator[str]:
    if policy.error or policy.unsupported:
        yield f"change {policy.file or 'the policy'}: it gives no verdict as it is"
    if policy.violations:
        yield f"see them: tocsin violations list --policy {policy.name}"

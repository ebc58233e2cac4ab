"""Violations as table rows, CSV records and a page about one of them. Pure."""

from collections.abc import Iterator
from datetime import datetime
from shlex import quote

import msgspec

from cli.render.columns import Column, Row, age
from cli.render.fields import Field
from cli.render.items import Layout
from cli.render.text import counted
from sink.queries.model import Detail, Policy, Violation
from sink.queries.words import State
from sink.spans import Resolution

MODES = {"enforce": "bold red", "warn": "yellow"}

SHORT = 8
"""Characters of an id in tables: enough for `show`, and room for the message."""

_COLUMNS = (
    Column("ID"),
    Column("FULL ID", wide=True),
    Column("CLUSTER", wide=True),
    Column("NAMESPACE", wraps=True),
    Column("KIND"),
    Column("NAME", wraps=True),
    Column("OWNER", wraps=True, wide=True),
    Column("POLICY", wraps=True),
    Column("MODE", styles=MODES),
    Column("AGE"),
)
_ENDS = (Column("RESOLVED"), Column("RESOLUTION"))
_WAIVERS = (Column("WAIVER", wraps=True), Column("BY", wraps=True), Column("UNTIL"))
_TAIL = (Column("IMAGES", wraps=True, wide=True), Column("FILE", wraps=True, wide=True))
_MESSAGE = (Column("MESSAGE", wraps=True),)

FIELDS = tuple(
    map(
        Column,
        (
            *("ID", "CLUSTER", "NAMESPACE", "KIND", "NAME", "OWNER KIND", "OWNER NAME"),
            *("POLICY", "MODE", "OUTCOME", "OPENED AT", "LAST SEEN AT", "RESOLVED AT", "RESOLUTION"),
            *("IMAGES", "FILE", "MESSAGE", "WARNING"),
            *("WAIVER", "WAIVER OWNER", "WAIVER REASON", "WAIVER TICKET", "WAIVER EXPIRES AT"),
            "WAIVER RESOLUTION",
        ),
    )
)


def layout(now: datetime, state: State) -> Layout[Violation]:
    """How violations are listed. Of those that are over, when and how; of waived ones, by whom."""
    ends = {State.OPEN: (), State.WAIVED: _WAIVERS}.get(state, _ENDS)

    def row(violation: Violation) -> Row:
        match state:
            case State.OPEN:
                over: Row = ()
            case State.WAIVED:
                over = _waiver(violation, now)
            case _:
                over = _end(violation, now)
        return (*_start(violation, now), *over, *_rest(violation))

    return Layout((*_COLUMNS, *ends, *_TAIL, *_MESSAGE), row, FIELDS, record, lambda each: each.id)


CHANGES = (Column("CHANGE", least=max(map(len, Resolution))), *_COLUMNS, *_TAIL, *_MESSAGE)
"""Of a list that goes on."""


def change(violation: Violation, now: datetime) -> Row:
    """A row of `CHANGES`: `open`, or how it ended."""
    return (violation.resolution or "open", *_start(violation, now), *_rest(violation))


def _start(violation: Violation, now: datetime) -> Row:
    resource = violation.resource
    return (
        violation.id[:SHORT],
        violation.id,
        violation.cluster,
        resource.namespace,
        resource.kind,
        resource.name,
        owner_name(violation),
        violation.policy,
        violation.mode,
        age(now - violation.opened_at),
    )


def _end(violation: Violation, now: datetime) -> Row:
    ended = violation.resolved_at
    return (f"{age(now - ended)} ago" if ended else "", resolution(violation))


def resolution(violation: Violation) -> str:
    """How it ended; of one that ended while it was waived, both: `waived, fixed`."""
    under = violation.waiver.resolution if violation.waiver else None
    return ", ".join(filter(None, (violation.resolution, under)))


def _waiver(violation: Violation, now: datetime) -> Row:
    waiver = violation.waiver
    if waiver is None:
        return ("", "", "")
    is_over = " (over)" if waiver.expires_at <= now else ""
    return (waiver.name, waiver.owner, f"{waiver.expires_at:%Y-%m-%d %H:%M}{is_over}")


def _rest(violation: Violation) -> Row:
    return (", ".join(violation.images), violation.file or "", said(violation))


def record(violation: Violation) -> Row:
    """A CSV record under `FIELDS`."""
    resource, owner = violation.resource, violation.owner
    moments = (violation.opened_at, violation.last_seen_at, violation.resolved_at)
    return (
        *(violation.id, violation.cluster, resource.namespace, resource.kind, resource.name),
        *((owner.kind, owner.name) if owner else ("", "")),
        *(violation.policy, violation.mode, violation.outcome),
        *(moment.isoformat() if moment else "" for moment in moments),
        *(violation.resolution or "", " ".join(violation.images), violation.file or ""),
        *(violation.message, violation.warning),
        *_waiver_record(violation),
    )


def _waiver_record(violation: Violation) -> Row:
    waiver = violation.waiver
    if waiver is None:
        return ("",) * 6
    return (
        *(waiver.name, waiver.owner, waiver.reason, waiver.ticket or "", waiver.expires_at.isoformat()),
        waiver.resolution or "",
    )


def owner_name(violation: Violation) -> str:
    """`Kind/name` of the root controller; empty where nobody owns the resource."""
    return f"{violation.owner.kind}/{violation.owner.name}" if violation.owner else ""


def said(violation: Violation) -> str:
    """What the policy said; with the image where the violation is of one."""
    text = violation.message or violation.warning
    image = violation.image
    return f"{image}: {text}" if image and image not in text else text


def subject(violation: Violation) -> str:
    """`namespace/Kind/name`."""
    resource = violation.resource
    return "/".join(filter(None, (resource.namespace, resource.kind, resource.name)))


def fields(violation: Detail, policy: Policy | None, now: datetime) -> Iterator[Field]:
    """A page about one violation, with what to do next. `policy`: as it is loaded now, if it is."""
    yield "Violation", violation.id
    yield "Resource", f"{subject(violation)} ({violation.resource.api_version})"
    yield "Owner", owner_name(violation)
    yield "Cluster", violation.cluster
    yield "File", violation.file or ""
    yield "Policy", violation.policy + (f": {violation.policy_title}" if violation.policy_title else "")
    yield "Severity", violation.severity or ""
    yield "About", violation.policy_description or ""
    yield "Link", violation.policy_url or ""
    yield "Mode", violation.mode
    yield "Outcome", violation.outcome
    yield "Message", violation.message
    yield "Warning", violation.warning
    yield "Image", violation.image or ""
    yield "Images", violation.images
    yield "Explanation", list(_explained(violation))
    yield "Opened", _moment(violation.opened_at, now)
    yield "Last verdict", _moment(violation.last_seen_at, now)
    if violation.resolved_at:
        how = _ended(violation.resolution, violation.image)
        yield "Resolved", f"{_moment(violation.resolved_at, now)}: {how}"
    yield "Waiver", list(_waived(violation, now))
    yield "Before", list(_before(violation, now))
    yield "Next", list(_next(violation, policy))


_HOW = {
    "fixed": "fixed, the resource complies now",
    "resource_deleted": "the resource was deleted",
    "policy_deleted": "the policy was deleted",
    "policy_changed": "the policy was changed and does not object any more",
    "out_of_scope": "the policy does not cover the resource any more",
    "waived": "waived, not mended",
    "": "over",
}


def _ended(resolution: str | None, image: str | None) -> str:
    if image and resolution == "fixed":
        return "fixed, the image complies now, or the resource has it no more"
    return _HOW[resolution or ""]


def _waived(violation: Violation, now: datetime) -> Iterator[str]:
    waiver = violation.waiver
    if waiver is None:
        return
    yield f"{waiver.name} of {waiver.owner}: {waiver.reason}"
    yield waiver.ticket or ""
    if waiver.ended_at:
        over = _ended(waiver.resolution, violation.image) if waiver.resolution else "then it was open again"
        yield f"covered it until {waiver.ended_at:%Y-%m-%d %H:%M:%S} UTC: {over}"
    elif waiver.expires_at <= now:
        yield (
            f"was over at {waiver.expires_at:%Y-%m-%d %H:%M:%S} UTC; "
            "the violation opens again with the next evaluation"
        )
    else:
        yield f"covers it until {waiver.expires_at:%Y-%m-%d %H:%M:%S} UTC; admission knows no waivers"


def _before(violation: Detail, now: datetime) -> Iterator[str]:
    for span in violation.earlier:
        ended = (
            f"{span.resolution} after {age(span.resolved_at - span.opened_at)}" if span.resolved_at else ""
        )
        yield f"{span.id[:SHORT]}: opened {_moment(span.opened_at, now)}, {ended}"
    more = violation.times - 1 - len(violation.earlier)
    if more > 0:
        yield f"and {counted(more, 'time')} more: tocsin violations history {quote(subject(violation))}"


def _moment(moment: datetime, now: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC ({age(now - moment)} ago)"


def _explained(violation: Violation) -> Iterator[str]:
    explanation = violation.explanation or {}
    place = explanation.get("file", "")
    if line := explanation.get("line"):
        place = f"{place or 'policy'}:{line}"
    yield ": ".join(filter(None, (place, explanation.get("expression", ""))))
    responses = explanation.get("responses", ())
    if len(responses) == 1 and violation.message in responses[0].values():
        return  # the message says it all
    for number, response in enumerate(responses):
        mark = "decided by" if number == explanation.get("decided", -1) else "response"
        yield f"{mark} {msgspec.json.encode(response).decode()}"


def _next(violation: Violation, policy: Policy | None) -> Iterator[str]:
    policy_file = policy.file if policy else None
    waiver = violation.waiver
    is_there = violation.resolved_at is None or (waiver is not None and waiver.ended_at is None)
    if is_there:
        yield _where_to_fix(violation, policy_file)
    if violation.file and policy_file and is_there:
        what = quote(f"{violation.file}:{subject(violation)}")
        yield f"see why: tocsin policies explain {quote(f'{policy_file}:{violation.policy}')} {what}"
    if policy:
        yield f"see the policy: tocsin policies show {quote(policy.name)}"


def _where_to_fix(violation: Violation, policy_file: str | None) -> str:
    if violation.file:
        policies = f" -p {quote(policy_file)}" if policy_file else ""
        return f"change {violation.file}, then: tocsin scan {quote(violation.file)}{policies}"
    resource = violation.resource
    kind, name = (
        (violation.owner.kind, violation.owner.name) if violation.owner else (resource.kind, resource.name)
    )
    namespace = f" -n {resource.namespace}" if resource.namespace else ""
    return f"see the workload to change: kubectl get {kind.lower()} {name}{namespace} -o yaml"

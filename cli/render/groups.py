"""Groups of violations as table rows, CSV records and names. Pure."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from cli.render.columns import Column, Row, age
from cli.render.items import Layout
from cli.render.violations import MODES, SHORT
from sink.queries.model import Group
from sink.queries.words import By

_Cell = Callable[[Group, datetime], str]
_SEVERITIES = {"critical": "bold red", "high": "red", "medium": "yellow"}

_CELLS: Mapping[str, tuple[Column, _Cell]] = {
    "id": (Column("ID"), lambda group, _: group.example[:SHORT]),
    "cluster": (Column("CLUSTER", wide=True), lambda group, _: group.cluster),
    "namespace": (Column("NAMESPACE", wraps=True), lambda group, _: group.namespace or ""),
    "kind": (Column("KIND"), lambda group, _: group.workload.kind if group.workload else ""),
    "name": (Column("NAME", wraps=True), lambda group, _: group.workload.name if group.workload else ""),
    "policy": (Column("POLICY", wraps=True), lambda group, _: group.policy or ""),
    "severity": (
        Column("SEVERITY", styles=_SEVERITIES, wide=True),
        lambda group, _: group.severity or "",
    ),
    "mode": (Column("MODE", styles=MODES), lambda group, _: group.mode),
    "violations": (Column("COUNT"), lambda group, _: str(group.violations)),
    "workloads": (Column("WORKLOADS"), lambda group, _: str(group.workloads)),
    "policies": (Column("POLICIES"), lambda group, _: str(group.policies)),
    "oldest": (Column("AGE"), lambda group, now: age(now - group.oldest_opened_at)),
    "newest": (Column("NEWEST", wide=True), lambda group, now: age(now - group.newest_opened_at)),
    "title": (Column("TITLE", wraps=True), lambda group, _: group.policy_title or ""),
    "message": (Column("MESSAGE", wraps=True), lambda group, _: group.message),
}

_SHOWN: Mapping[By, Sequence[str]] = {
    By.WORKLOAD: (
        *("id", "cluster", "namespace", "kind", "name", "policy", "severity", "mode"),
        *("violations", "oldest", "newest", "message"),
    ),
    By.POLICY: (
        *("cluster", "policy", "severity", "mode", "violations", "workloads"),
        *("oldest", "newest", "title"),
    ),
    By.NAMESPACE: (
        *("cluster", "namespace", "mode", "violations", "workloads", "policies"),
        *("oldest", "newest"),
    ),
}


def layout(by: By, now: datetime) -> Layout[Group]:
    """How groups are listed."""
    shown = [_CELLS[name] for name in _SHOWN[by]]
    columns = [column for column, _ in shown]

    def row(group: Group) -> Row:
        return [cell(group, now) for _, cell in shown]

    def record(group: Group) -> Row:
        return [
            _record(name, group) or cell(group, now)
            for name, (_, cell) in zip(_SHOWN[by], shown, strict=True)
        ]

    fields = [
        Column(_FIELDS.get(name, column.header)) for name, (column, _) in zip(_SHOWN[by], shown, strict=True)
    ]
    return Layout(columns, row, fields, record, lambda group: _name(group, by))


_FIELDS = {
    "oldest": "OLDEST OPENED AT",
    "newest": "NEWEST OPENED AT",
    "violations": "VIOLATIONS",
    "id": "EXAMPLE",
}


def _record(name: str, group: Group) -> str:
    """What a program gets where people get less."""
    match name:
        case "oldest":
            return group.oldest_opened_at.isoformat()
        case "newest":
            return group.newest_opened_at.isoformat()
        case "id":
            return group.example
        case _:
            return ""


def _name(group: Group, by: By) -> str:
    match by:
        case By.POLICY:
            return group.policy or ""
        case By.NAMESPACE:
            return group.namespace or ""
        case _:
            workload = group.workload
            named = (workload.kind, workload.name) if workload else ()
            return "/".join(filter(None, (group.namespace, *named)))

"""Histories of violations as table rows and CSV records. Pure."""

from datetime import datetime

from cli.render.columns import Column, Row, age
from cli.render.items import Layout
from cli.render.violations import FIELDS, MODES, SHORT, record, resolution, said
from sink.queries.model import Occurrence

_COLUMNS = (
    Column("OPENED"),
    Column("LASTED"),
    Column("RESOLUTION", styles={"open": "bold red", "fixed": "green"}),
    Column("ID"),
    Column("CLUSTER", wide=True),
    Column("NAMESPACE", wraps=True),
    Column("KIND"),
    Column("NAME", wraps=True),
    Column("POLICY", wraps=True),
    Column("MODE", styles=MODES, wide=True),
    Column("TIME"),
    Column("MESSAGE", wraps=True, wide=True),
)
"""TIME: the how many-eth of this resource under this policy."""


def layout(now: datetime) -> Layout[Occurrence]:
    """How a history is listed."""
    return Layout(
        _COLUMNS,
        lambda each: _row(each, now),
        (*FIELDS, Column("OCCURRENCE"), Column("DURATION SECONDS")),
        lambda each: (*record(each), str(each.occurrence), _seconds(each)),
        lambda each: each.id,
    )


def _row(each: Occurrence, now: datetime) -> Row:
    resource = each.resource
    return (
        f"{each.opened_at:%Y-%m-%d %H:%M:%S}",
        age((each.resolved_at or now) - each.opened_at),
        resolution(each) or "open",
        each.id[:SHORT],
        *(each.cluster, resource.namespace, resource.kind, resource.name),
        each.policy,
        each.mode,
        str(each.occurrence),
        said(each),
    )


def _seconds(each: Occurrence) -> str:
    return "" if each.duration_seconds is None else f"{each.duration_seconds:.3f}"

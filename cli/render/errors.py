"""What could not be read or evaluated, as table rows and CSV records. Pure."""

from datetime import datetime

from cli.render.columns import Column, Row, age
from cli.render.items import Layout
from sink.queries.errors import name_of
from sink.queries.model import Failure

_COLUMNS = (
    Column("ERROR"),
    Column("CLUSTER", wide=True),
    Column("NAME", wraps=True),
    Column("POLICY", wraps=True),
    Column("COUNT"),
    Column("AGE"),
    Column("MESSAGE", wraps=True),
)

_FIELDS = tuple(
    map(
        Column,
        (
            *("ERROR", "CLUSTER", "FILE", "DOCUMENT", "POLICY", "NAMESPACE", "KIND", "NAME", "COUNT"),
            *("SINCE", "MESSAGE"),
        ),
    )
)


def layout(now: datetime) -> Layout[Failure]:
    """How they are listed."""

    def row(each: Failure) -> Row:
        place = name_of(each) + (f", document {each.document}" if each.document else "")
        count = "" if each.resources is None else str(each.resources)
        return (
            *(each.kind.value, each.cluster, place, each.policy or "", count),
            *(age(now - each.since), each.message),
        )

    return Layout(_COLUMNS, row, _FIELDS, _record, name_of)


def _record(each: Failure) -> Row:
    workload = (each.workload.kind, each.workload.name) if each.workload else ("", "")
    return (
        *(each.kind.value, each.cluster, each.file or "", str(each.document or ""), each.policy or ""),
        *(each.namespace or "", *workload, "" if each.resources is None else str(each.resources)),
        *(each.since.isoformat(), each.message),
    )

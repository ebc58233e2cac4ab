"""Whether policies can be enforced, as table rows and CSV records. Pure."""

from datetime import datetime

from cli.render.columns import Column, Row, age
from cli.render.items import Layout
from cli.render.violations import MODES
from sink.queries.model import Readiness

_COLUMNS = (
    Column("POLICY", wraps=True),
    Column("CLUSTER", wide=True),
    Column("MODE", styles=MODES),
    Column("ENFORCE", styles={"ready": "green", "not ready": "bold red"}),
    Column("REFUSED"),
    Column("WAIVED"),
    Column("ERRORS"),
    Column("WORKLOADS"),
    Column("RESOURCES"),
    Column("OLDEST"),
    Column("TREND"),
    Column("TITLE", wraps=True, wide=True),
    Column("PROBLEM", wraps=True),
)

_FIELDS = tuple(
    map(
        Column,
        (
            *(
                "POLICY",
                "CLUSTER",
                "MODE",
                "ENFORCE",
                "REFUSED",
                "WAIVED",
                "ERRORS",
                "WORKLOADS",
                "RESOURCES",
            ),
            *("OLDEST OPENED AT", "TREND", "TITLE", "PROBLEM"),
        ),
    )
)


def layout(now: datetime) -> Layout[Readiness]:
    """How policies are listed."""

    def row(each: Readiness) -> Row:
        oldest = age(now - each.oldest_opened_at) if each.oldest_opened_at else ""
        return (*_start(each), oldest, *_rest(each))

    def record(each: Readiness) -> Row:
        oldest = each.oldest_opened_at.isoformat() if each.oldest_opened_at else ""
        return (*_start(each), oldest, *_rest(each))

    return Layout(_COLUMNS, row, _FIELDS, record, lambda each: each.policy)


def _start(each: Readiness) -> Row:
    return (
        *(each.policy, each.cluster, each.mode, "ready" if each.ready else "not ready"),
        *map(str, (each.refused, each.waived, each.errors, each.workloads, each.resources)),
    )


def _rest(each: Readiness) -> Row:
    change = each.open - each.open_before
    return (f"{change:+d}" if change else "0", each.title, each.problem or "")

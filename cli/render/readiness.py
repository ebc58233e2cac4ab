"""Whether policies can be enforced, and what hinders it, as table rows and CSV records. Pure."""

from datetime import datetime

from cli.render.columns import Column, Row, age
from cli.render.items import Layout
from cli.render.violations import MODES
from pipeline.events import Outcome
from sink.queries.model import Readiness, Refusal

_COLUMNS = (
    Column("POLICY", wraps=True),
    Column("CLUSTER", wide=True),
    Column("MODE", styles=MODES),
    Column("ENFORCE", styles={"ready": "green", "not ready": "bold red", "unknown": "yellow"}),
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
        *(each.policy, each.cluster, each.mode, _state(each)),
        *map(str, (each.refused, each.waived, each.errors, each.workloads, each.resources)),
    )


def _state(each: Readiness) -> str:
    if each.ready:
        return "ready"
    return "not ready" if each.evaluated else "unknown"


def _rest(each: Readiness) -> Row:
    change = each.open - each.open_before
    return (f"{change:+d}" if change else "0", each.title, each.problem or "")


_REASONS = {
    Outcome.FAIL: "fails",
    Outcome.WARN: "passes with a warning",
    Outcome.ERROR: "cannot be evaluated",
}

_WORKLOADS = (
    Column("REASON", styles={"fails": "bold red", "cannot be evaluated": "yellow"}),
    Column("POLICY", wraps=True),
    Column("CLUSTER", wide=True),
    Column("NAMESPACE", wraps=True),
    Column("KIND"),
    Column("NAME", wraps=True),
    Column("COUNT"),
    Column("WAIVED"),
    Column("MESSAGE", wraps=True),
)

_WORKLOAD_FIELDS = tuple(
    map(
        Column,
        (
            *("OUTCOME", "POLICY", "CLUSTER", "NAMESPACE", "KIND", "NAME"),
            *("RESOURCES", "WAIVED", "WAIVER", "MESSAGE"),
        ),
    )
)


def refusals() -> Layout[Refusal]:
    """How workloads that would be refused are listed."""

    def names(each: Refusal) -> Row:
        return (each.policy, each.cluster, each.namespace, each.workload.kind, each.workload.name)

    def row(each: Refusal) -> Row:
        message = f"{each.message} (waiver {each.waiver})" if each.waiver else each.message
        return (_REASONS[each.outcome], *names(each), str(each.resources), str(each.waived), message)

    def record(each: Refusal) -> Row:
        numbers = (str(each.resources), str(each.waived))
        return (each.outcome.value, *names(each), *numbers, each.waiver or "", each.message)

    def name(each: Refusal) -> str:
        return "/".join(filter(None, (each.namespace, each.workload.kind, each.workload.name)))

    return Layout(_WORKLOADS, row, _WORKLOAD_FIELDS, record, name)

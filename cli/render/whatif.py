"""What policies would change: a line for each workload, then the policies in numbers; or JSON, YAML."""

from collections.abc import Iterator
from typing import TextIO

from cli.options import ShowFormat
from cli.render import json_text, yaml_text
from cli.render.columns import Column, Row, write_columns
from cli.render.violations import MODES
from cli.whatif.model import Effect, PolicyEffect, WhatIf, WorkloadChange

_EFFECTS = {
    "newly violates": "bold red",
    "newly refused": "bold red",
    "newly waived": "dim",
    "newly errors": "yellow",
    "fixed": "green",
}

_CHANGES = (
    Column("EFFECT", styles=_EFFECTS),
    Column("POLICY", wraps=True),
    Column("CLUSTER", wide=True),
    Column("NAMESPACE", wraps=True),
    Column("KIND"),
    Column("NAME", wraps=True),
    Column("COUNT"),
    Column("BEFORE"),
    Column("AFTER"),
    Column("MESSAGE", wraps=True),
)

_POLICIES = (
    Column("POLICY", wraps=True),
    Column("CLUSTER", wide=True),
    Column("MODE", styles=MODES),
    Column("NOW", styles=MODES),
    *map(Column, ("RESOURCES", "VIOLATIONS", "NEW", "REFUSED", "WAIVED", "ERRORS", "OUT", "FIXED")),
)


def write_what_if(found: WhatIf, output: ShowFormat, out: TextIO) -> None:
    """Write it in the format asked for. Clusters are columns where there are several."""
    match output:
        case ShowFormat.JSON:
            json_text.stream(found, out.buffer)
        case ShowFormat.YAML:
            yaml_text.write_item(found, out.buffer)
        case _:
            wide = len({each.cluster for each in found.policies}) > 1
            write_columns(_CHANGES, map(_change, found.changes), out, wide=wide)
            if found.changes:
                out.write("\n")
            write_columns(_POLICIES, _policies(found), out, wide=wide)
    out.flush()


def _change(change: WorkloadChange) -> Row:
    return (
        *(_words(change.effect), change.policy, change.cluster, change.namespace),
        *(change.workload.kind, change.workload.name, str(change.resources)),
        *(change.before or "", change.after or "", _message(change)),
    )


def _message(change: WorkloadChange) -> str:
    return f"{change.message} (waiver {change.waiver})" if change.waiver else change.message


def _words(effect: Effect) -> str:
    return effect.value.replace("_", " ")


def _policies(found: WhatIf) -> Iterator[Row]:
    for each in found.policies:
        yield (each.policy, each.cluster, each.mode, each.current_mode or "", *_numbers(each))


def _numbers(each: PolicyEffect) -> Iterator[str]:
    """`errors` are all of them, as are `violations`; the rest is what changes."""
    yield str(each.resources)
    yield str(each.violations)
    yield str(each.newly_violates)
    yield str(each.newly_refused)
    yield str(each.newly_waived)
    yield str(each.errors)
    yield str(each.out_of_scope)
    yield str(each.fixed)

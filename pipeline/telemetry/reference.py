"""The page of all metrics, generated from the catalogue.

`python -m pipeline.telemetry.reference FILE` writes it. A test fails when the committed file differs.
"""

import sys
from pathlib import Path

from pipeline.telemetry.catalogue import METRICS, Metric, Stage

_HEAD = """\
# Metrics

Generated from the code (`make schemas`); do not edit.

Every long-running command serves them at `/metrics` where the setting `listen` (`TOCSIN_LISTEN`) says so,
in the Prometheus text format, or in OpenMetrics where the scraper asks for it. `process_*` and
`python_gc_*` are there too. A metric appears with its first value.

[Operations](../guides/operations.md) says which to look at, and when to be woken.
"""


def render() -> str:
    """The page as it is committed."""
    parts = [_HEAD]
    for stage in Stage:
        parts += [f"## {stage.value.capitalize()}", "", "| metric | kind | labels | |", "|---|---|---|---|"]
        parts += [_row(metric) for metric in METRICS if metric.stage is stage]
        parts += [""]
    return "\n".join(parts)


def _row(metric: Metric) -> str:
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    return f"| `{metric.name}` | {metric.kind} | {labels} | {metric.help} |"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(render(), encoding="utf-8")

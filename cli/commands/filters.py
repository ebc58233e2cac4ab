"""Options that narrow a question about violations, for every command. Light: loaded at each start."""

from typing import Annotated

import typer

from pipeline.events import Mode

_MOST_ROWS = 10**9
"""What databases take, and nobody reads."""


def _several(flag: str, help_: str, *short: str, metavar: str = "NAME") -> typer.models.OptionInfo:
    option: typer.models.OptionInfo = typer.Option(flag, *short, metavar=metavar, help=help_)
    return option


Cluster = Annotated[list[str] | None, _several("--cluster", "In this cluster.")]
Policy = Annotated[
    list[str] | None,
    _several("--policy", "Of this policy. As all names: one, several (a,b), a glob (a*), or not (!a)."),
]
Namespace = Annotated[list[str] | None, _several("--namespace", "In this namespace.", "-n")]
Kind = Annotated[
    list[str] | None,
    _several("--kind", "Of this kind of resource, also as deploy or pods.", metavar="KIND"),
]
Modes = Annotated[list[Mode] | None, typer.Option("--mode", help="Of policies in this mode.")]
Severity = Annotated[
    list[str] | None, _several("--severity", "Of policies of this severity, such as high.", metavar="WORD")
]
Owner = Annotated[
    list[str] | None,
    _several("--owner", "Of this workload with all that it owns: name, or kind/name.", metavar="[KIND/]NAME"),
]
Image = Annotated[list[str] | None, _several("--image", "With this in an image's name.", metavar="TEXT")]
Selector = Annotated[
    list[str] | None,
    _several(
        "--selector",
        "With these labels: app=web, tier!=db, 'env in (a,b)', key, !key.",
        "-l",
        metavar="LABELS",
    ),
]
Since = Annotated[
    str | None,
    typer.Option(
        "--since", metavar="TIME", help="Opened (with --resolved: resolved) since: 30m, 7d, today, a date."
    ),
]
Until = Annotated[str | None, typer.Option("--until", metavar="TIME", help="Likewise, before then.")]
Open = Annotated[bool, typer.Option("--open", help="Those that are still there (the default).")]
Resolved = Annotated[bool, typer.Option("--resolved", help="Those that are over.")]
Waived = Annotated[bool, typer.Option("--waived", help="Those that are there and that a waiver covers.")]
All = Annotated[bool, typer.Option("--all", help="Both.")]
Limit = Annotated[
    int | None, typer.Option("--limit", min=1, max=_MOST_ROWS, metavar="N", help="At most so many rows.")
]
Continue = Annotated[
    str, typer.Option("--continue", metavar="TOKEN", help="Go on where a list with --limit ended.")
]

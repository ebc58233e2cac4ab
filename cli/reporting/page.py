"""The report as one HTML page that needs nothing else: no script, no font, no request.

What it shows comes from anyone who may name a Pod: everything is escaped by the template engine,
and the page's own policy (CSP) lets no script run and nothing be loaded.
"""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from cli.render.text import printable
from cli.reporting import charts, words
from pipeline.version import __version__
from sink.queries.report_model import Report

_TEMPLATES = Path(__file__).parent / "templates"
ROWS = 10
"""Of each list; the rest is summed up."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the report is about."""

    since: datetime
    now: datetime
    scope: Sequence[tuple[str, str]]
    """What it was narrowed to: the name of a filter, and what was said."""


def render(report: Report, asked: Asked) -> str:
    """The page."""
    style = (_TEMPLATES / "report.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    drawn = bool(report.points) and not words.is_empty(report)
    clusters = {each.cluster for each in report.worst} | {each.cluster for each in report.newest}
    return (
        _environment(asked.now)
        .get_template("report.html")
        .render(
            report=report,
            asked=asked,
            standing=words.standing(report, asked.since, asked.now, narrowed=bool(asked.scope)),
            compares=words.compares(report, asked.since),
            is_empty=words.is_empty(report),
            trend=charts.trend(report) if drawn else None,
            policies=words.still_open(report.policies),
            namespaces=words.still_open(report.namespaces),
            severities=words.by_severity(words.still_open(report.severities)),
            several_clusters=len(clusters) > 1,
            rows=ROWS,
            style=Markup(style),  # noqa: S704 - ours, not foreign
            style_digest=digest,
            version=__version__,
        )
    )


def _environment(now: datetime) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )
    environment.filters.update(
        number=words.number,
        lasting=words.lasting,
        day=words.day,
        minute=words.minute,
        age=partial(words.age, now=now),
        change=words.change,
        moment=charts.moment,
        counted=words.counted,
    )
    environment.globals.update(
        bar=charts.share,
        percent=words.percent,
        tone=words.tone,
        resolutions=words.RESOLUTIONS,
        how=words.HOW_TO_BEGIN,
    )
    return environment


def _finalize(value: Any) -> Any:
    """Foreign text cannot turn the direction of a line, or hide in it."""
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value

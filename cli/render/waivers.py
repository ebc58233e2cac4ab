"""Waivers as table rows and CSV records. Pure."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from fnmatch import fnmatchcase

from cli.render.columns import Column, Row, age
from cli.render.items import Layout
from sink.queries.model import Waiver


class Status(StrEnum):
    """What a waiver does, in one word."""

    ACTIVE = "active"
    UNUSED = "unused"
    """It covers nothing now."""
    EXPIRED = "expired"
    ELSEWHERE = "elsewhere"
    """It is for other clusters than the one it was given to."""


_COLUMNS = (
    Column("NAME", wraps=True),
    Column("CLUSTER", wide=True),
    Column("STATUS", styles={"active": "green", "expired": "bold red", "unused": "yellow"}),
    Column("COVERS"),
    Column("EXPIRES"),
    Column("LEFT"),
    Column("OWNER", wraps=True),
    Column("POLICIES", wraps=True),
    Column("TICKET", wide=True),
    Column("FILE", wraps=True, wide=True),
    Column("REASON", wraps=True),
)
_FIELDS = tuple(
    map(
        Column,
        (
            *("NAME", "CLUSTER", "STATUS", "COVERS", "EXPIRES AT", "OWNER", "POLICIES", "TICKET", "FILE"),
            *("REASON", "UNKNOWN POLICIES"),
        ),
    )
)


def status(waiver: Waiver, now: datetime) -> Status:
    """Whether it waives anything, or why not."""
    if waiver.expires_at <= now:
        return Status.EXPIRED
    clusters: Sequence[str] = waiver.match.get("clusters", ())
    if clusters and not any(fnmatchcase(waiver.cluster, glob.replace("[", "[[]")) for glob in clusters):
        return Status.ELSEWHERE
    return Status.ACTIVE if waiver.violations else Status.UNUSED


def layout(now: datetime) -> Layout[Waiver]:
    """How waivers are listed."""

    def start(waiver: Waiver) -> Row:
        return (waiver.name, waiver.cluster, status(waiver, now).value, str(waiver.violations))

    def row(waiver: Waiver) -> Row:
        left = age(waiver.expires_at - now) if waiver.expires_at > now else ""
        return (
            *start(waiver),
            *(f"{waiver.expires_at:%Y-%m-%d %H:%M}", left, waiver.owner, _policies(waiver)),
            *(waiver.ticket or "", waiver.file or "", waiver.reason),
        )

    def record(waiver: Waiver) -> Row:
        return (
            *start(waiver),
            *(waiver.expires_at.isoformat(), waiver.owner, " ".join(waiver.policies)),
            *(waiver.ticket or "", waiver.file or "", waiver.reason, " ".join(waiver.unknown_policies)),
        )

    return Layout(_COLUMNS, row, _FIELDS, record, lambda waiver: waiver.name)


def _policies(waiver: Waiver) -> str:
    """With what is known to be wrong of them."""
    unknown = set(waiver.unknown_policies)
    return ", ".join(f"{name} (not loaded)" if name in unknown else name for name in waiver.policies)

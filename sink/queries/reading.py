"""Rows of violations as items. Pure but for `page`, which asks the database."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select
from sqlalchemy.engine import Connection, RowMapping

from sink.database import translated
from sink.queries.model import Owner, Resource, Violation, Waiving


def page(connection: Connection, query: Select[*tuple[Any, ...]]) -> Sequence[RowMapping]:
    """Rows of one query, in a transaction of its own: nothing is held while somebody reads them."""
    with translated(connection.engine.url), connection.begin():
        return connection.execute(query).mappings().all()


def violation(row: RowMapping) -> Violation:
    """A row of `violations`."""
    return Violation(**attributes(row))


def attributes(row: RowMapping) -> dict[str, Any]:
    """A row of `violations`, by the names of `Violation`."""
    return {
        "id": row["id"],
        "cluster": row["cluster"],
        "resource": Resource(
            api_version=row["api_version"], kind=row["kind"], namespace=row["namespace"], name=row["name"]
        ),
        "owner": Owner(kind=row["owner_kind"], name=row["owner_name"]) if row["owner_name"] else None,
        "policy": row["policy"],
        "policy_title": row["title"],
        "mode": row["mode"],
        "outcome": row["outcome"],
        "message": row["message"],
        "warning": row["warning"],
        "images": tuple(row["images"].split("\n")) if row["images"] else (),
        "image": row["image"] or None,
        "file": row["file"] or None,
        "explanation": row["explanation"],
        "opened_at": row["opened_at"],
        "last_seen_at": row["last_seen_at"],
        "resolved_at": row["resolved_at"],
        "resolution": row["resolution"],
        "waiver": _waiving(row) if row["waiver"] else None,
    }


def _waiving(row: RowMapping) -> Waiving:
    return Waiving(
        name=row["waiver"],
        owner=row["waiver_owner"],
        reason=row["waiver_reason"],
        ticket=row["waiver_ticket"] or None,
        expires_at=row["waiver_expires_at"],
        ended_at=row["waiver_ended_at"],
        resolution=row["waiver_resolution"],
    )

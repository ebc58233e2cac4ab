"""The tables, one schema for SQLite and PostgreSQL. `migrations/` makes them.

`key` columns hold an event's key on the log. `data` columns hold event data as it
came, for what nobody filters by.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Computed,
    DateTime,
    Dialect,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

_NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "pk": "pk_%(table_name)s",
}

_GONE = text("deleted_at IS NOT NULL")

metadata = MetaData(naming_convention=_NAMES)


class UtcDateTime(TypeDecorator[datetime]):
    """A point in time: UTC in the database, aware in Python (SQLite keeps no time zone)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - the signature is SQLAlchemy's
        """To the database."""
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """From the database."""
        if not isinstance(value, datetime):
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False, default="")


def _added_text(name: str) -> Column[str]:
    """Of a column that older releases do not write."""
    return Column(name, Text, nullable=False, default="", server_default="")


def _moment(name: str, *, nullable: bool = False) -> Column[datetime]:
    return Column(name, UtcDateTime, nullable=nullable)


def _workload(name: str, own: str, owner: str) -> Column[str]:
    """Of the root owner, or of a resource without one. The database computes it, for older releases too."""
    which = f"CASE WHEN owner_name = '' THEN {own} ELSE {owner} END"
    return Column(name, Text, Computed(which, persisted=True))  # virtual on SQLite, which can add no other


def _image_key() -> Column[str]:
    """What `--image` looks in; null where there are more images than PostgreSQL's indexes take (2.7 kB).

    The database computes it, for older releases too.
    """
    key = "CASE WHEN length(images) + length(image) < 600 THEN lower(images || '\n' || image) END"
    return Column("image_key", Text, Computed(key, persisted=True))  # virtual on SQLite


resources = Table(
    "resources",
    metadata,
    Column("key", String, primary_key=True),
    _text("cluster"),
    _text("uid"),
    _text("api_version"),
    _text("kind"),
    _text("namespace"),
    _text("name"),
    _text("resource_version"),
    _text("owner_kind"),
    _text("owner_name"),
    _text("digest"),
    _text("file"),
    _added_text("images"),
    Column("labels", JSON().with_variant(JSONB(), "postgresql"), nullable=True),
    _moment("first_seen_at"),
    _moment("last_seen_at"),
    _moment("deleted_at", nullable=True),
    Index(None, "cluster", "namespace", "kind", "name"),
    Index(None, "deleted_at", sqlite_where=_GONE, postgresql_where=_GONE),
)
"""`images`: names, one a line. `labels`: by key; null where an older release wrote last."""

objects = Table(
    "objects",
    metadata,
    Column("key", String, primary_key=True),
    _text("cluster"),
    _text("digest"),
    Column("body", LargeBinary, nullable=False),
)
"""The inventory: the latest object of each resource that is there. `resources` stays narrow without them."""

policies = Table(
    "policies",
    metadata,
    Column("key", String, primary_key=True),
    _text("cluster"),
    _text("name"),
    _text("digest"),
    _text("mode"),
    _text("title"),
    _text("file"),
    _text("engine"),
    _text("error"),
    _text("unsupported"),
    Column("refusals", JSON, nullable=False, default=dict),
    Column("findings", JSON, nullable=False, default=list),
    Column("reads", JSON, nullable=False, default=list),
    _text("memo"),
    _added_text("severity"),
    _added_text("url"),
    _added_text("description"),
    _moment("applied_at"),
    _moment("deleted_at", nullable=True),
)

policy_versions = Table(
    "policy_versions",
    metadata,
    Column("policy_key", String, primary_key=True),
    Column("digest", String, primary_key=True),
    _text("cluster"),
    _text("name"),
    _text("mode"),
    _text("title"),
    _text("error"),
    Column("body", LargeBinary, nullable=True),
    _moment("first_applied_at"),
    _moment("last_applied_at"),
    Index(None, "last_applied_at"),
)
"""Every version of a policy that was seen: what `policy_digest` of a violation speaks of."""

verdicts = Table(
    "verdicts",
    metadata,
    Column("key", String, primary_key=True),
    _text("event_id"),
    _text("cluster"),
    _text("resource_key"),
    _text("policy"),
    _text("policy_digest"),
    _text("mode"),
    _text("outcome"),
    _text("namespace"),
    _text("kind"),
    _text("name"),
    _text("message"),
    _moment("evaluated_at"),
    _text("data"),
    Index(None, "resource_key"),
    Index(None, "policy", "outcome"),
    Index(None, "outcome", "cluster", "namespace"),
)

violations = Table(
    "violations",
    metadata,
    Column("id", String(16), primary_key=True),
    _text("verdict_key"),
    _text("cluster"),
    _text("resource_key"),
    _text("api_version"),
    _text("kind"),
    _text("namespace"),
    _text("name"),
    _text("owner_kind"),
    _text("owner_name"),
    _text("policy"),
    _text("policy_digest"),
    _text("mode"),
    _text("title"),
    _text("outcome"),
    _text("message"),
    _text("warning"),
    _text("images"),
    _text("image"),
    _text("file"),
    Column("explanation", JSON, nullable=True),
    _moment("opened_at"),
    _moment("last_seen_at"),
    _moment("resolved_at", nullable=True),
    Column("resolution", String(32), nullable=True),
    _workload("workload_kind", "kind", "owner_kind"),
    _workload("workload_name", "name", "owner_name"),
    _moment("written_at", nullable=True),
    _image_key(),
    _added_text("waiver"),
    _added_text("waiver_owner"),
    _added_text("waiver_reason"),
    _added_text("waiver_ticket"),
    _moment("waiver_expires_at", nullable=True),
    _moment("waiver_ended_at", nullable=True),
    Column("waiver_resolution", String(32), nullable=True),
    Index(None, "opened_at", "id"),
    Index(None, "verdict_key", "opened_at"),
    # orders of all violations, and of those that are over
    Index("ix_violations_resource", "cluster", "namespace", "kind", "name", "policy", "id"),
    Index("ix_violations_policy", "policy", "cluster", "namespace", "kind", "name", "id"),
    Index("ix_violations_written", "written_at"),
)
"""One row for each span of violation. `images`: names, one a line; `image`: where it is of one image.

`written_at`: by the sink's clock, for whoever follows; null where an older release wrote last.
`waiver...`: of one that ended because a waiver covers it. While it does, `waiver_ended_at` is null.
`waiver_resolution`: how it ended while it was waived; null where the waiver ended first.
"""


def _open_index(name: str, *columns: str, unique: bool = False) -> Index:
    """An index of open violations: few among many that are over, and what users ask for."""
    is_open = violations.c.resolved_at.is_(None)
    wanted = (violations.c[column] for column in columns)
    return Index(name, *wanted, unique=unique, sqlite_where=is_open, postgresql_where=is_open)


_open_index("uq_violations_open", "verdict_key", unique=True)
# one for each order of `tocsin violations list`: without them each page would sort all that are open
_open_index("ix_violations_open_time", "opened_at", "id")
_open_index("ix_violations_open_resource", "cluster", "namespace", "kind", "name", "policy", "id")
_open_index("ix_violations_open_policy", "policy", "cluster", "namespace", "kind", "name", "id")

# for the default view, and every other grouping: it holds all that they need
_open_index(
    "ix_violations_open_workload",
    *(
        *("cluster", "namespace", "workload_kind", "workload_name", "policy"),
        *("opened_at", "last_seen_at", "mode", "id"),
    ),
)

_open_index("ix_violations_open_images", "image_key", "id")
_of_many = text("resolved_at IS NULL AND image_key IS NULL")
Index("ix_violations_open_many_images", violations.c.id, sqlite_where=_of_many, postgresql_where=_of_many)

_is_over = violations.c.resolved_at.is_not(None)
Index(
    "ix_violations_over",
    *(violations.c[name] for name in ("resolved_at", "id", "resolution", "opened_at")),
    sqlite_where=_is_over,
    postgresql_where=_is_over,
)

_is_waived = (violations.c.resolution == "waived") & violations.c.waiver_ended_at.is_(None)
Index(
    "uq_violations_waived",
    violations.c.verdict_key,
    unique=True,
    sqlite_where=_is_waived,
    postgresql_where=_is_waived,
)

waivers = Table(
    "waivers",
    metadata,
    Column("key", String, primary_key=True),
    _text("cluster"),
    _text("name"),
    _text("digest"),
    _text("owner"),
    _text("reason"),
    _text("ticket"),
    _text("file"),
    _text("data"),
    _moment("expires_at"),
    _moment("applied_at"),
    _moment("deleted_at", nullable=True),
)
"""The waivers there are, and were; `data` is the event's, with what each selects."""

source_errors = Table(
    "source_errors",
    metadata,
    Column("key", String, primary_key=True),
    _text("cluster"),
    _text("file"),
    Column("document", Integer, nullable=False, default=0),
    _text("message"),
    _moment("failed_at"),
)

offsets = Table(
    "offsets",
    metadata,
    Column("topic", String, primary_key=True),
    Column("partition", Integer, primary_key=True, autoincrement=False),
    _text("log_id"),
    Column("next_offset", BigInteger, nullable=False),
)
"""Where the sink goes on. Offsets of one log (`log_id`) mean nothing on another."""

subscribers = Table(
    "subscribers",
    metadata,
    Column("name", String, primary_key=True),
    Column("standing", String(16), nullable=False),
    _text("target"),
    _moment("changed_at"),
    Column("position", BigInteger, nullable=False),
    Column("epoch", Integer, nullable=False),
)
"""Who gets events: active, paused or gone. `target`: digest of the URL that said so.

`position`: where it goes on in the outbox; an operator who puts it back raises `epoch`. On
Kafka positions are the brokers'.
"""

undelivered = Table(
    "undelivered",
    metadata,
    Column("subscriber", String, primary_key=True),
    Column("event_id", String, primary_key=True),
    _text("type"),
    _text("subject"),
    _text("policy"),
    _text("event"),
    _text("reason"),
    Column("status", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    _moment("first_tried_at"),
    _moment("given_up_at"),
    Index(None, "given_up_at"),
)
"""Events that a subscriber did not get. `event`: in CloudEvents JSON. `status`: 0 where none answered."""

outbox = Table(
    "outbox",
    metadata,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    _text("key"),
    _text("event"),
    _moment("recorded_at"),
    Index(None, "recorded_at"),
    sqlite_autoincrement=True,
)
"""Verdicts for subscribers of an embedded run, written with the rows they changed. No `seq` comes twice."""

schema_compatibility = Table(
    "schema_compatibility",
    metadata,
    Column("oldest_revision", String(32), primary_key=True),
)
"""One row, made by migrations: the oldest revision whose release may use this schema."""

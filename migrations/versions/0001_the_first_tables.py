"""the first tables.

Must work with the previous release of the code running.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


OPEN = {
    "uq_violations_open": ["verdict_key"],
    "ix_violations_open_time": ["opened_at", "id"],
    "ix_violations_open_resource": ["cluster", "namespace", "kind", "name", "policy", "id"],
    "ix_violations_open_policy": ["policy", "cluster", "namespace", "kind", "name", "id"],
}
"""Indexes of violations that are not resolved."""


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "offsets",
        sa.Column("topic", sa.String(), nullable=False),
        sa.Column("partition", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("log_id", sa.Text(), nullable=False),
        sa.Column("next_offset", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("topic", "partition", name=op.f("pk_offsets")),
    )
    op.create_table(
        "policies",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("cluster", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("engine", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("unsupported", sa.Text(), nullable=False),
        sa.Column("refusals", sa.JSON(), nullable=False),
        sa.Column("findings", sa.JSON(), nullable=False),
        sa.Column("reads", sa.JSON(), nullable=False),
        sa.Column("memo", sa.Text(), nullable=False),
        sa.Column("applied_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_policies")),
    )
    op.create_table(
        "resources",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("cluster", sa.Text(), nullable=False),
        sa.Column("uid", sa.Text(), nullable=False),
        sa.Column("api_version", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("namespace", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("resource_version", sa.Text(), nullable=False),
        sa.Column("owner_kind", sa.Text(), nullable=False),
        sa.Column("owner_name", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_resources")),
    )
    op.create_index(
        op.f("ix_resources_cluster_namespace_kind_name"),
        "resources",
        ["cluster", "namespace", "kind", "name"],
    )

    op.create_table(
        "source_errors",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("cluster", sa.Text(), nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("document", sa.Integer(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("failed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_source_errors")),
    )
    op.create_table(
        "verdicts",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("cluster", sa.Text(), nullable=False),
        sa.Column("resource_key", sa.Text(), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("policy_digest", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("namespace", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("evaluated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_verdicts")),
    )
    op.create_index(
        op.f("ix_verdicts_outcome_cluster_namespace"), "verdicts", ["outcome", "cluster", "namespace"]
    )
    op.create_index(op.f("ix_verdicts_policy_outcome"), "verdicts", ["policy", "outcome"])
    op.create_index(op.f("ix_verdicts_resource_key"), "verdicts", ["resource_key"])

    op.create_table(
        "violations",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("verdict_key", sa.Text(), nullable=False),
        sa.Column("cluster", sa.Text(), nullable=False),
        sa.Column("resource_key", sa.Text(), nullable=False),
        sa.Column("api_version", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("namespace", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("owner_kind", sa.Text(), nullable=False),
        sa.Column("owner_name", sa.Text(), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("policy_digest", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("warning", sa.Text(), nullable=False),
        sa.Column("images", sa.Text(), nullable=False),
        sa.Column("image", sa.Text(), nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("explanation", sa.JSON(), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resolution", sa.String(length=32), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_violations")),
    )
    op.create_index(op.f("ix_violations_opened_at_id"), "violations", ["opened_at", "id"])
    op.create_index(op.f("ix_violations_verdict_key_opened_at"), "violations", ["verdict_key", "opened_at"])
    for name, columns in OPEN.items():
        op.create_index(
            name,
            "violations",
            columns,
            unique=name.startswith("uq_"),
            sqlite_where=sa.text("resolved_at IS NULL"),
            postgresql_where=sa.text("resolved_at IS NULL"),
        )


def downgrade() -> None:
    """Drop them."""
    for name in reversed(OPEN):
        op.drop_index(name, table_name="violations")
    op.drop_index(op.f("ix_violations_verdict_key_opened_at"), table_name="violations")
    op.drop_index(op.f("ix_violations_opened_at_id"), table_name="violations")

    op.drop_table("violations")
    op.drop_index(op.f("ix_verdicts_resource_key"), table_name="verdicts")
    op.drop_index(op.f("ix_verdicts_policy_outcome"), table_name="verdicts")
    op.drop_index(op.f("ix_verdicts_outcome_cluster_namespace"), table_name="verdicts")

    op.drop_table("verdicts")
    op.drop_table("source_errors")
    op.drop_index(op.f("ix_resources_cluster_namespace_kind_name"), table_name="resources")

    op.drop_table("resources")
    op.drop_table("policies")
    op.drop_table("offsets")

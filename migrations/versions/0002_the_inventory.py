"""the inventory: objects, versions of policies, images of resources, workloads of violations.

Must work with the previous release of the code running.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

WORKLOAD = {"workload_kind": ("kind", "owner_kind"), "workload_name": ("name", "owner_name")}


def upgrade() -> None:
    """Make the tables and columns."""
    op.create_table(
        "objects",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("cluster", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_objects")),
    )
    op.create_table(
        "policy_versions",
        sa.Column("policy_key", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("cluster", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("first_applied_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_applied_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("policy_key", "digest", name=op.f("pk_policy_versions")),
    )
    op.create_index(op.f("ix_policy_versions_last_applied_at"), "policy_versions", ["last_applied_at"])
    on_server = op.get_bind().dialect.name == "postgresql"
    if on_server:
        # bodies are compressed already: the server need not try
        op.execute("ALTER TABLE objects ALTER COLUMN body SET STORAGE EXTERNAL")
        op.execute("ALTER TABLE policy_versions ALTER COLUMN body SET STORAGE EXTERNAL")
    for name in ("severity", "url", "description"):
        op.add_column("policies", sa.Column(name, sa.Text(), nullable=False, server_default=""))
    op.add_column("resources", sa.Column("images", sa.Text(), nullable=False, server_default=""))
    op.create_index(
        op.f("ix_resources_deleted_at"),
        "resources",
        ["deleted_at"],
        sqlite_where=sa.text("deleted_at IS NOT NULL"),
        postgresql_where=sa.text("deleted_at IS NOT NULL"),
    )
    for name, (own, owner) in WORKLOAD.items():
        which = f"CASE WHEN owner_name = '' THEN {own} ELSE {owner} END"
        computed = sa.Computed(which, persisted=on_server or None)  # SQLite adds virtual ones only
        op.add_column("violations", sa.Column(name, sa.Text(), computed, nullable=True))
    # the sink reads both topics again from their beginning: they hold what the new tables lack
    op.execute("DELETE FROM offsets WHERE topic IN ('tocsin.resources', 'tocsin.policies')")


def downgrade() -> None:
    """Drop them."""
    for name in WORKLOAD:
        op.drop_column("violations", name)
    op.drop_index(op.f("ix_resources_deleted_at"), table_name="resources")
    op.drop_column("resources", "images")
    for name in ("severity", "url", "description"):
        op.drop_column("policies", name)
    op.drop_table("policy_versions")
    op.drop_table("objects")

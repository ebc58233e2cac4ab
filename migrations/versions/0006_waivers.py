"""waivers, and what they cover.

Must work with the previous release of the code running.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

TEXTS = ("waiver", "waiver_owner", "waiver_reason", "waiver_ticket")
MOMENTS = ("waiver_expires_at", "waiver_ended_at")


def upgrade() -> None:
    """Make the table, the columns and the index."""
    for name in TEXTS:
        op.add_column("violations", sa.Column(name, sa.Text(), nullable=False, server_default=""))
    for name in MOMENTS:
        op.add_column("violations", sa.Column(name, sa.DateTime(timezone=True), nullable=True))
    where = sa.text("resolution = 'waived' AND waiver_ended_at IS NULL")
    op.create_index(
        "uq_violations_waived",
        "violations",
        ["verdict_key"],
        unique=True,
        sqlite_where=where,
        postgresql_where=where,
    )
    texts = ("cluster", "name", "digest", "owner", "reason", "ticket", "file", "data")
    op.create_table(
        "waivers",
        sa.Column("key", sa.String(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in texts),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("applied_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_waivers")),
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_table("waivers")
    op.drop_index("uq_violations_waived", table_name="violations")
    for name in (*MOMENTS, *TEXTS):
        op.drop_column("violations", name)

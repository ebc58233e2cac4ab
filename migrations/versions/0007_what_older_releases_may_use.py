"""the oldest revision whose release may use the schema; how what was waived ended.

Must work with the previous release of the code running.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

OLDEST = "0001"
"""Every revision up to here only added."""


def upgrade() -> None:
    """Make the table with its row, and the column."""
    table = op.create_table(
        "schema_compatibility",
        sa.Column("oldest_revision", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("oldest_revision", name=op.f("pk_schema_compatibility")),
    )
    op.bulk_insert(table, [{"oldest_revision": OLDEST}])
    op.add_column("violations", sa.Column("waiver_resolution", sa.String(length=32), nullable=True))


def downgrade() -> None:
    """Drop them."""
    op.drop_column("violations", "waiver_resolution")
    op.drop_table("schema_compatibility")

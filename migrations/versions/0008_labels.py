"""labels of resources.

Must work with the previous release of the code running.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add the column; the sink reads the resources again: the log holds their labels."""
    op.add_column("resources", sa.Column("labels", sa.JSON(), nullable=True))
    op.execute("DELETE FROM offsets WHERE topic = 'tocsin.resources'")


def downgrade() -> None:
    """Drop it."""
    op.drop_column("resources", "labels")

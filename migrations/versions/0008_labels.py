"""labels of resources.

Must work with the previous release of the code running.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"

LABELS = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
"""Binary on a server: looked into three times as fast."""


def upgrade() -> None:
    """Add the column; the sink reads the resources again: the log holds their labels."""
    op.add_column("resources", sa.Column("labels", LABELS, nullable=True))
    op.execute("DELETE FROM offsets WHERE topic = 'tocsin.resources'")


def downgrade() -> None:
    """Drop it."""
    op.drop_column("resources", "labels")

"""the images of open violations, as `--image` looks for them, in an index.

Must work with the previous release of the code running.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

KEY = "CASE WHEN length(images) + length(image) < 600 THEN lower(images || '\n' || image) END"
INDEXES = {
    "ix_violations_open_images": ("resolved_at IS NULL", ["image_key", "id"]),
    "ix_violations_open_many_images": ("resolved_at IS NULL AND image_key IS NULL", ["id"]),
}


def upgrade() -> None:
    """Make them."""
    on_server = op.get_bind().dialect.name == "postgresql"
    computed = sa.Computed(KEY, persisted=on_server or None)  # SQLite adds virtual ones only
    op.add_column("violations", sa.Column("image_key", sa.Text(), computed, nullable=True))
    for name, (which, columns) in INDEXES.items():
        where = sa.text(which)
        op.create_index(name, "violations", columns, sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    """Drop them."""
    for name in INDEXES:
        op.drop_index(name, table_name="violations")
    op.drop_column("violations", "image_key")

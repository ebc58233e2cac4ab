"""indexes of histories, of groups, and of what was written last.

Must work with the previous release of the code running.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

ALL = {
    "ix_violations_resource": ["cluster", "namespace", "kind", "name", "policy", "id"],
    "ix_violations_policy": ["policy", "cluster", "namespace", "kind", "name", "id"],
    "ix_violations_written": ["written_at"],
}
SOME = {
    "ix_violations_open_workload": (
        "resolved_at IS NULL",
        [
            *("cluster", "namespace", "workload_kind", "workload_name", "policy"),
            *("opened_at", "last_seen_at", "mode", "id"),
        ],
    ),
    "ix_violations_over": ("resolved_at IS NOT NULL", ["resolved_at", "id", "resolution", "opened_at"]),
}


def upgrade() -> None:
    """Make them."""
    op.add_column("violations", sa.Column("written_at", sa.DateTime(timezone=True), nullable=True))
    for name, columns in ALL.items():
        op.create_index(name, "violations", columns)
    for name, (which, columns) in SOME.items():
        where = sa.text(which)
        op.create_index(name, "violations", columns, sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    """Drop them."""
    for name in (*SOME, *ALL):
        op.drop_index(name, table_name="violations")
    op.drop_column("violations", "written_at")

"""${message}.

Must work with the previous release of the code running. One that takes something away from older releases
raises `schema_compatibility.oldest_revision` to the oldest that can do without it.
"""

import sqlalchemy as sa
from alembic import op
${imports if imports else ""}
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    ${downgrades if downgrades else "pass"}

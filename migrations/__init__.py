"""The schema's history. Alembic is imported only where the schema is changed: it is slow to load."""

from importlib.resources import files

from sqlalchemy.engine import Connection

REVISIONS = ("0001",)
"""Every revision, oldest first."""

HEAD = REVISIONS[-1]


def upgrade(connection: Connection) -> None:
    """Bring the schema of a connection to `HEAD`, in its transaction."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(files(__name__)))
    config.attributes["connection"] = connection
    command.upgrade(config, HEAD)

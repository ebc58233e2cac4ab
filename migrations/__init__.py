"""The schema's history. Alembic is imported only where the schema is changed: it is slow to load."""

from importlib.resources import files

from sqlalchemy.engine import Connection

REVISIONS = ("0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008")
"""Every revision, oldest first."""

HEAD = REVISIONS[-1]


def after(revision: str) -> str:
    """The revision that follows one that is not the newest."""
    return REVISIONS[REVISIONS.index(revision) + 1]


def upgrade(connection: Connection, revision: str = HEAD) -> None:
    """Bring the schema of a connection to a revision, in its transaction."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(files(__name__)))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)

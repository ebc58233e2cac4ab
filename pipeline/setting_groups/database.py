"""The database: where it is, and how long it may keep anybody waiting."""

from dataclasses import dataclass

from pydantic import BaseModel, Field

from pipeline.setting_groups.places import state_folder


@dataclass(frozen=True, slots=True)
class DatabaseLimits:
    """For whoever writes to or reads from the database, in seconds."""

    lock_timeout: float
    statement_timeout: float


class DatabaseFields(BaseModel):
    """What is set for the database."""

    db: str = Field(
        default_factory=lambda: f"sqlite:///{state_folder() / 'tocsin.db'}",
        description="Database URL. One machine needs no server, so SQLite in the user's state directory.",
    )
    db_lock_timeout: float = Field(
        default=10.0,
        gt=0,
        description="Seconds to wait for a lock in the database before giving up or retrying.",
    )
    db_statement_timeout: float = Field(
        default=60.0,
        gt=0,
        description="Seconds one statement may take on PostgreSQL; ordinary ones take milliseconds.",
    )
    prune_batch: int = Field(
        default=2000, ge=1, le=10_000, description="Rows `db prune` deletes in one transaction: some 50 ms."
    )
    poll_interval: float = Field(
        default=2.0, gt=0, description="Seconds between two looks of `violations list --watch`."
    )

    @property
    def db_given(self) -> bool:
        """Whether somebody said which database: a scan writes to none otherwise."""
        return "db" in self.model_fields_set

    @property
    def database_limits(self) -> DatabaseLimits:
        """The database's group."""
        return DatabaseLimits(self.db_lock_timeout, self.db_statement_timeout)

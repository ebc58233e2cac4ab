"""The error tree: each branch answers "what now?".

No library's exception crosses a port; adapters translate with `raise ... from`.
Messages name the object, what was expected and what was got. Text that comes
from elsewhere (a parser, an engine, a driver) is cut by `clip`, so that neither
object bodies nor secrets end in a log.
"""

from enum import IntEnum

FOREIGN_TEXT_LIMIT = 256
"""Characters of foreign text a message may hold."""


class ExitCode(IntEnum):
    """Exit codes of `tocsin`; a contract. "Found something" and "failed" never share one."""

    OK = 0
    VIOLATIONS = 1
    USAGE = 2
    FAILED = 3
    INTERRUPTED = 130


class TocsinError(Exception):
    """Root of all errors Tocsin raises on purpose; its text is one line for a user."""

    exit_code = ExitCode.FAILED


class UsageError(TocsinError):
    """What the user asked for makes no sense, or names something that is not there: exit 2."""

    exit_code = ExitCode.USAGE


class StoreError(TocsinError):
    """The database cannot be used: not writable, locked, or of a schema for other releases."""


class StoreBusyError(StoreError):
    """Another process holds the database; it may be free in a moment."""


class StoreRefusedError(StoreError):
    """The database does not take what a row says; it takes others."""


class PolicyError(TocsinError):
    """A policy is not valid: its author has to change it. Costs that policy only."""


class DocumentError(TocsinError):
    """A document or object is not valid: its author has to change it. Costs that object only."""


class EvaluationError(TocsinError):
    """A policy could not be evaluated: no verdict but an `error`, never a guess."""


class ContractError(TocsinError):
    """A record on the log is not one of our events: it belongs in the dead letters."""


def clip(text: str, limit: int = FOREIGN_TEXT_LIMIT) -> str:
    """Foreign text as one line of at most `limit` characters."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"

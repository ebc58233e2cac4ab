"""The words of queries; apart, so that the command line can name them without a database library."""

from enum import StrEnum


class State(StrEnum):
    """Whether violations are still there."""

    OPEN = "open"
    RESOLVED = "resolved"
    ALL = "all"


class Sort(StrEnum):
    """Orders of violations."""

    NEWEST = "newest"
    OLDEST = "oldest"
    RESOURCE = "resource"
    POLICY = "policy"

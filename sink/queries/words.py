"""The words of queries; apart, so that the command line can name them without a database library."""

from enum import StrEnum


class State(StrEnum):
    """Whether violations are still there."""

    OPEN = "open"
    RESOLVED = "resolved"
    ALL = "all"
    WAIVED = "waived"
    """Those that a waiver covers now."""


class Sort(StrEnum):
    """Orders of violations, and of groups of them."""

    NEWEST = "newest"
    OLDEST = "oldest"
    RESOURCE = "resource"
    POLICY = "policy"
    COUNT = "count"
    """Of groups only: the largest first."""


class By(StrEnum):
    """What one row of a list is about."""

    WORKLOAD = "workload"
    """A policy that a root owner violates, with all that it owns."""
    RESOURCE = "resource"
    """A violation by itself."""
    POLICY = "policy"
    NAMESPACE = "namespace"

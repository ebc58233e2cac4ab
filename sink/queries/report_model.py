"""What a report is made from: how things stand, how they came to be so, and what is not known."""

from datetime import datetime

from sink.queries.model import Group, Item, Owner, Summary


class Point(Item, frozen=True):
    """A part of the period, and how many violations were open at its end."""

    since: datetime
    until: datetime
    opened: int
    resolved: int
    open: int
    enforce: int
    """How many of the open ones are of policies in mode enforce."""


class Share(Item, frozen=True):
    """What a policy, a namespace or a severity has of the whole."""

    name: str
    open: int
    enforce: int
    opened: int
    """In the period, as the next ones."""
    resolved: int
    fixed: int
    mean_seconds_to_fix: float | None
    title: str = ""
    """Of a policy, as the next one."""
    severity: str = ""


class Workload(Item, frozen=True):
    """A root owner, or a resource that nobody owns, with all it violates."""

    cluster: str
    namespace: str
    workload: Owner
    policies: int
    enforced_policies: int
    violations: int
    oldest_opened_at: datetime


class Unjudged(Item, frozen=True):
    """A policy that says nothing, or not of everything: a violation of it would not be seen."""

    cluster: str
    policy: str
    error: str
    """Why it is not valid or not supported; empty where it is."""
    resources: int
    """On how many resources it could not be evaluated."""


class Report(Item, frozen=True):
    """How a cluster stands, and whether it gets better."""

    summary: Summary
    recorded_since: datetime | None
    """When the database first saw a resource or a violation of those asked for; null where it never did."""
    points: tuple[Point, ...]
    open_at_start: int
    """Before the first of the points, as the next one."""
    enforce_at_start: int
    policies: tuple[Share, ...]
    """The most violated first, as in the next two."""
    namespaces: tuple[Share, ...]
    severities: tuple[Share, ...]
    worst: tuple[Workload, ...]
    """First those that violate the most policies."""
    workloads: int
    """How many have an open violation."""
    newest: tuple[Group, ...]
    resources: int
    """How many there are in the clusters and namespaces asked for."""
    violating: int
    """How many of them have an open violation."""
    unjudged: tuple[Unjudged, ...]

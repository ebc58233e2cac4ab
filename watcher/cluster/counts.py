"""What a watcher counts while it follows a cluster; read by whoever wants to know, such as /metrics."""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum


class Result(StrEnum):
    """What came of an object that was seen in a list or a watch."""

    PUBLISHED = "published"
    DELETED = "deleted"
    NOISE = "noise"
    """Nothing has changed that a policy can see."""
    FAILED = "failed"


@dataclass(slots=True)
class Counts:
    """By kind, in its plural. `expired`: answers 410 Gone. `troubles`: kind -> why it cannot be read."""

    objects: Counter[tuple[str, Result]] = field(default_factory=Counter)
    lists: Counter[str] = field(default_factory=Counter)
    expired: Counter[str] = field(default_factory=Counter)
    streams: Counter[str] = field(default_factory=Counter)
    troubles: dict[str, str] = field(default_factory=dict)

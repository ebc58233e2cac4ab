"""A subscriber: where events go, which, in which form, and for how long it is tried. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urlsplit

from pipeline.events import Event


class ContentMode(StrEnum):
    """CloudEvents HTTP protocol binding, section 1.3."""

    BINARY = "binary"
    STRUCTURED = "structured"


class Form(StrEnum):
    """Which event a verdict is sent as."""

    TOCSIN = "tocsin"
    VALIDATION_CHANGED = "validation-changed"
    """See `deliverer.validation_changed`."""


class Start(StrEnum):
    """Where a subscriber begins that was never heard of."""

    NOW = "now"
    BEGINNING = "beginning"


Attributes = Mapping[str, str]
"""CloudEvents attributes of an event, by name; a time as text."""

Takes = Callable[[Attributes], bool]


@dataclass(frozen=True, slots=True)
class Patience:
    """How long an event is tried, in seconds. `attempts`: at most; 0 for as many as `age` has room for."""

    first: float = 1.0
    most: float = 300.0
    age: float = 86_400.0
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class Subscriber:
    """One of the file. What may hold a secret is not in its `repr`."""

    name: str
    url: str = field(repr=False)
    takes: Takes = field(repr=False)
    mode: ContentMode = ContentMode.STRUCTURED
    form: Form = Form.TOCSIN
    start: Start = Start.NOW
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    secrets: tuple[bytes, ...] = field(default=(), repr=False)
    """Keys of the signature, the current one first; empty: not signed."""
    timeout: float = 10.0
    """Seconds of one request, all in all."""
    concurrency: int = 8
    """Requests at once, each of another resource."""
    patience: Patience = Patience()
    ca_file: str = ""
    origin: str = ""
    """Asks for permission in this name first (CloudEvents web hooks, section 4); empty: does not ask."""

    @property
    def host(self) -> str:
        """Host and port: as much of the URL as may be told, since paths hold secrets (Slack's do)."""
        return urlsplit(self.url).netloc


def attributes_of(event: Event) -> dict[str, str]:
    """What filters see of an event."""
    return {
        "type": event.type.value,
        "source": event.source,
        "id": event.id,
        "subject": event.subject,
        "time": event.time.isoformat(),
        "partitionkey": event.key,
        **event.extensions,
    }

"""What is sent for an event: headers and body, by the CloudEvents HTTP protocol binding. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from cloudevents.core.bindings.http import to_binary
from cloudevents.core.formats.json import JSONFormat

from deliverer.signing import sign
from deliverer.subscriber import ContentMode, Subscriber
from pipeline.codec import to_cloudevent, to_json
from pipeline.events import Event

_FORMAT = JSONFormat()
STRUCTURED = "application/cloudevents+json; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Request:
    """Of one event to one subscriber; the same for each attempt but for the signature's time."""

    event_id: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def size(self) -> int:
        """Bytes it takes to keep, near enough."""
        return len(self.body) + sum(len(name) + len(value) for name, value in self.headers.items())


def request_of(event: Event, subscriber: Subscriber) -> Request:
    """The request for an event, unsigned."""
    if subscriber.mode is ContentMode.STRUCTURED:
        return Request(event.id, {"content-type": STRUCTURED}, to_json(event))
    message = to_binary(to_cloudevent(event), _FORMAT)
    return Request(event.id, message.headers, message.body)


def headers_of(request: Request, subscriber: Subscriber, timestamp: int) -> dict[str, str]:
    """Everything that is sent besides the body. `timestamp`: of this attempt, seconds since 1970."""
    headers = {**subscriber.headers, **request.headers}
    if subscriber.secrets:
        headers |= sign(subscriber.secrets, request.event_id, timestamp, request.body)
    return headers

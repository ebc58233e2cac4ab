"""What is sent for an event: headers and body, by the CloudEvents HTTP protocol binding. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from cloudevents.core.base import BaseCloudEvent
from cloudevents.core.bindings.http import to_binary, to_structured
from cloudevents.core.formats.json import JSONFormat

from deliverer.signing import sign
from deliverer.subscriber import ContentMode, Form, Subscriber
from deliverer.validation_changed import events_of
from pipeline.codec import to_cloudevent
from pipeline.events import Event

_FORMAT = JSONFormat()
STRUCTURED = "application/cloudevents+json; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Request:
    """Of one event to one subscriber; the same for each attempt but for the signature's time."""

    event_id: str
    headers: Mapping[str, str]
    body: bytes
    following: "Request | None" = None
    """What else the subscriber has to get before it has the event."""

    @property
    def size(self) -> int:
        """Bytes it takes to keep, near enough."""
        own = len(self.body) + sum(len(name) + len(value) for name, value in self.headers.items())
        return own + (self.following.size if self.following else 0)


def request_of(event: Event, subscriber: Subscriber) -> Request | None:
    """The request for an event, unsigned; None where the subscriber's form cannot say it."""
    if subscriber.form is Form.TOCSIN:
        return _request(to_cloudevent(event), subscriber.mode)
    request: Request | None = None
    for each in reversed(list(events_of(event))):
        request = replace(_request(each, subscriber.mode), following=request)
    return request


def _request(event: BaseCloudEvent, mode: ContentMode) -> Request:
    if mode is ContentMode.STRUCTURED:
        return Request(event.get_id(), {"content-type": STRUCTURED}, to_structured(event, _FORMAT).body)
    message = to_binary(event, _FORMAT)
    return Request(event.get_id(), message.headers, message.body)


def headers_of(request: Request, subscriber: Subscriber, timestamp: int) -> dict[str, str]:
    """Everything that is sent besides the body. `timestamp`: of this attempt, seconds since 1970."""
    headers = {**subscriber.headers, **request.headers}
    if subscriber.secrets:
        headers |= sign(subscriber.secrets, request.event_id, timestamp, request.body)
    return headers

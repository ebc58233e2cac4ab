"""Events to CloudEvents and back, by the CloudEvents SDK.

Kafka protocol binding in binary mode (headers `ce_*`, JSON data, key from the
`partitionkey` extension), and the JSON event format for everything else
(`tocsin events tail`, files). Pure: bytes in, events out.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from cloudevents.core.base import BaseCloudEvent
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary, to_binary
from cloudevents.core.exceptions import BaseCloudEventException
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from pipeline.errors import ContractError, clip
from pipeline.events import DATA_TYPES, Event, EventType

_FORMAT = JSONFormat()
_SPECVERSION = "1.0"
_CONTENT_TYPE = "application/json"


def to_cloudevent(event: Event) -> CloudEvent:
    """The event as the SDK's CloudEvent, its data as plain JSON values."""
    return CloudEvent(
        attributes={
            "specversion": _SPECVERSION,
            "type": event.type.value,
            "source": event.source,
            "id": event.id,
            "time": event.time,
            "subject": event.subject,
            "datacontenttype": _CONTENT_TYPE,
            "partitionkey": event.key,
            **event.extensions,
        },
        data=msgspec.to_builtins(event.data),
    )


def from_cloudevent(cloudevent: BaseCloudEvent) -> Event:
    """Read one of our events. Raises ContractError when it is none, or its data is not as promised."""
    try:
        type_ = EventType(cloudevent.get_type())
    except ValueError as error:
        raise ContractError(f"event type {clip(cloudevent.get_type())!r} is not one of Tocsin's") from error
    data = cloudevent.get_data()
    try:
        if isinstance(data, bytes | str):
            payload = msgspec.json.decode(data, type=DATA_TYPES[type_])
        else:
            payload = msgspec.convert(data, type=DATA_TYPES[type_])
    except msgspec.MsgspecError as error:
        raise ContractError(f"data of {type_} is not as its schema says: {clip(str(error))}") from error
    attributes = cloudevent.get_attributes()
    time = cloudevent.get_time()
    key = attributes.get("partitionkey")
    if time is None or not isinstance(key, str):
        raise ContractError(f"event {type_} needs the attributes time and partitionkey")
    return Event(
        type=type_,
        source=cloudevent.get_source(),
        id=cloudevent.get_id(),
        time=time,
        subject=cloudevent.get_subject() or "",
        key=key,
        data=payload,
        extensions=_extensions(attributes),
    )


def to_json(event: Event) -> bytes:
    """The event in the CloudEvents JSON format (structured mode), one line."""
    return bytes(_FORMAT.write(to_cloudevent(event)))


def from_json(text: bytes) -> Event:
    """Read an event from the CloudEvents JSON format. Raises ContractError."""
    if not text.lstrip().startswith(b"{"):
        raise ContractError("not a CloudEvent: expected a JSON object")
    try:
        cloudevent = _FORMAT.read(None, text)
    except (BaseCloudEventException, ValueError, KeyError, TypeError) as error:
        raise ContractError(f"not a CloudEvent: {clip(str(error))}") from error
    return from_cloudevent(cloudevent)


def to_kafka(event: Event) -> KafkaMessage:
    """The event as a Kafka message in binary content mode."""
    return to_binary(to_cloudevent(event), _FORMAT)


def from_kafka(message: KafkaMessage) -> Event:
    """Read an event from a Kafka message in binary content mode. Raises ContractError."""
    try:
        cloudevent = from_binary(message, _FORMAT)
    except (BaseCloudEventException, ValueError, KeyError, TypeError) as error:
        raise ContractError(f"not a CloudEvent: {clip(str(error))}") from error
    return from_cloudevent(cloudevent)


_KNOWN = frozenset(
    {
        "specversion",
        "type",
        "source",
        "id",
        "time",
        "subject",
        "datacontenttype",
        "dataschema",
        "partitionkey",
    }
)


def _extensions(attributes: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in attributes.items() if name not in _KNOWN}

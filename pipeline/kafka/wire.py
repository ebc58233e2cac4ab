"""Records of the bus as Kafka messages, and back. Pure.

A message that is no event of ours becomes `Unreadable`, and a dead letter that came
as it was (`dead_letter`) reads as a SourceFailed event, so that users find it where
they find everything else that could not be read.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from cloudevents.core.bindings.kafka import KafkaMessage

from pipeline.bus import Record
from pipeline.codec import from_kafka, to_kafka
from pipeline.errors import ContractError, clip
from pipeline.events import (
    Event,
    EventType,
    ResourceApplied,
    ResourceRef,
    SourceFailed,
    Topic,
    source_of,
)

Headers = Sequence[tuple[str, bytes]]

REASON = "ce_deadletterreason"
_TOPIC = "ce_deadlettertopic"
_PARTITION = "ce_deadletterpartition"
_OFFSET = "ce_deadletteroffset"


@dataclass(frozen=True, slots=True)
class Message:
    """What a producer sends."""

    topic: Topic
    key: bytes
    value: bytes | None
    headers: Headers = ()

    @property
    def size(self) -> int:
        """Bytes, near enough, before compression."""
        headers = sum(len(name) + len(value) for name, value in self.headers)
        return len(self.key) + len(self.value or b"") + headers


class Consumed(Protocol):
    """What a consumer gives: the fields of its records that are looked at."""

    @property
    def key(self) -> bytes | None: ...  # noqa: D102
    @property
    def value(self) -> bytes | None: ...  # noqa: D102
    @property
    def headers(self) -> Headers: ...  # noqa: D102
    @property
    def partition(self) -> int: ...  # noqa: D102
    @property
    def offset(self) -> int: ...  # noqa: D102
    @property
    def timestamp(self) -> int: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A message that is no event of ours, with the reason."""

    topic: Topic
    message: Consumed
    reason: str


def encode(record: Record) -> Message:
    """The message of a record."""
    key = record.key.encode()
    if record.event is None:
        return Message(record.topic, key, None)
    message = to_kafka(record.event)
    headers = list(message.headers.items())
    return Message(record.topic, key, message.value, headers)


def decode(topic: Topic, message: Consumed) -> Record | Unreadable:
    """The record of a message."""
    try:
        key = (message.key or b"").decode()
    except UnicodeDecodeError:
        return Unreadable(topic, message, "its key is not UTF-8")
    if not key:
        return Unreadable(topic, message, "it has no key")
    if message.value is None:
        return Record(topic, key, None, message.partition, message.offset)
    try:
        event = _event(topic, key, message, message.value)
    except ContractError as error:
        return Unreadable(topic, message, str(error))
    return Record(topic, key, event, message.partition, message.offset)


def _event(topic: Topic, key: str, message: Consumed, value: bytes) -> Event:
    headers = dict(message.headers)
    if topic is Topic.DEADLETTERS and REASON in headers:
        return _told(key, headers, message)
    event = from_kafka(KafkaMessage(headers=headers, key=key, value=value))
    if event.key != key:
        raise ContractError(f"its key is {clip(key)!r}, its partitionkey {clip(event.key)!r}")
    return event


def dead_letter(unreadable: Unreadable) -> Message:
    """The message as it came, with where from and why."""
    message = unreadable.message
    key = message.key or f"{unreadable.topic}/{message.partition}/{message.offset}".encode()
    headers = [
        *message.headers,
        (REASON, unreadable.reason.encode()),
        (_TOPIC, unreadable.topic.encode()),
        (_PARTITION, str(message.partition).encode()),
        (_OFFSET, str(message.offset).encode()),
    ]
    return Message(Topic.DEADLETTERS, key, message.value, headers)


def too_large(record: Record, size: int, limit: int, now: datetime) -> Record:
    """What is told on the dead letters instead of an event that no broker would take."""
    applied = record.event.data if record.event else None
    resource = applied.resource if isinstance(applied, ResourceApplied) else None
    message = f"{record.key}: {size} bytes as an event, more than {limit} (kafka_message_kib)"
    return Record(
        Topic.DEADLETTERS,
        record.key,
        _failed(record.key, getattr(applied, "file", ""), message, now, resource),
    )


def _told(key: str, headers: dict[str, bytes], message: Consumed) -> Event:
    place = f"kafka:{_text(headers, _TOPIC)}/{_text(headers, _PARTITION)}@{_text(headers, _OFFSET)}"
    when = datetime.fromtimestamp(message.timestamp / 1000, UTC)
    return _failed(key, place, f"{place}: {_text(headers, REASON)}", when)


def _failed(key: str, file: str, message: str, when: datetime, resource: ResourceRef | None = None) -> Event:
    cluster = key.partition("/")[0]
    data = SourceFailed(cluster=cluster, file=file, message=message, resource=resource)
    return Event(
        type=EventType.SOURCE_FAILED,
        source=source_of(cluster),
        id=key,
        time=when,
        subject=file or key,
        key=key,
        data=data,
    )


def _text(headers: dict[str, bytes], name: str) -> str:
    return headers.get(name, b"").decode(errors="replace")

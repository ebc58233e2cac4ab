"""The AsyncAPI 3.0 document of the event stream; `deliverer.asyncapi` adds what is not of the pipeline.

Made of the event types, their data (`pipeline.events`) and attributes
(`pipeline.attributes`), so that it cannot say anything else than the code. Channels are
the topics of Kafka and the requests that subscribers get; a test fails when the
committed file differs. Self-contained: other people's tools read it as it is.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from pipeline.attributes import EXTENSIONS, KEYS, SUBJECTS, TOPIC_OF, Attribute
from pipeline.events import DATA_TYPES, VERDICT_TYPES, EventType, Topic
from pipeline.version import __version__

Document = dict[str, Any]

DELIVERED: tuple[EventType, ...] = tuple(VERDICT_TYPES.values())
"""What HTTP subscribers get."""

SCHEMAS = "#/components/schemas/"
MESSAGES = "#/components/messages/"
WEBHOOK = "subscriber"
"""The channel of what is sent by HTTP."""
STRUCTURED = "application/cloudevents+json"
_KAFKA_BINDING, _HTTP_BINDING = "0.5.0", "0.3.0"

_DESCRIPTION = """\
What Tocsin tells: CloudEvents 1.0. On Kafka in binary content mode: attributes are headers `ce_*`, the \
message's key is the attribute `partitionkey`, a message without a value is a tombstone. Over HTTP in \
binary (headers `ce-*`) or structured content mode. Delivery is at least once: an event that comes again has \
the same `source` and `id`. Events of one key come in order.

Data only ever gains fields: ignore those that you do not know."""

_TOPICS = {
    Topic.RESOURCES: "The resources of all clusters as they are now. Compacted.",
    Topic.POLICIES: "The policies and waivers of all clusters as they are now. Compacted, one partition.",
    Topic.VERDICTS: "What each policy says of each resource, when it changes. Compacted; read it committed.",
    Topic.DEADLETTERS: "What could not be read, and why. Compacted, one partition.",
}


def document() -> Document:
    """The whole document, as JSON values."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Tocsin",
            "version": __version__,
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "kafka": {
                "host": "kafka.example.com:9092",
                "protocol": "kafka",
                "description": "Your brokers (`kafka_bootstrap`).",
            },
            WEBHOOK: {
                "host": "subscriber.example.com",
                "protocol": "https",
                "description": "Each subscriber's own URL.",
            },
        },
        "channels": {**{_short(topic): _topic(topic) for topic in Topic}, WEBHOOK: _webhook()},
        "operations": {
            **{f"publish{_short(topic).capitalize()}": _publish(topic) for topic in Topic},
            "deliver": _deliver(),
        },
        "components": {"messages": dict(_messages()), "schemas": _schemas()},
    }


def message_name(type_: EventType) -> str:
    """What a message is called here: `verdictFailed` of `dev.tocsin.verdict.failed.v1`.

    Over HTTP, `Binary` or `Structured` follows.
    """
    _, _, what, happened, version = type_.value.split(".")
    return f"{what}{happened.capitalize()}{'' if version == 'v1' else version.capitalize()}"


def _short(topic: Topic) -> str:
    return topic.value.rpartition(".")[2]


def _types(topic: Topic) -> list[EventType]:
    return [type_ for type_ in EventType if TOPIC_OF[type_] is topic]


def _topic(topic: Topic) -> Document:
    names = [*map(message_name, _types(topic)), f"{_short(topic)}Tombstone"]
    return {
        "address": topic.value,
        "title": topic.value,
        "description": f"{_TOPICS[topic]} `kafka_prefix` comes before its name, where set.",
        "servers": [{"$ref": "#/servers/kafka"}],
        "messages": {name: {"$ref": MESSAGES + name} for name in names},
        "bindings": {
            "kafka": {
                "topicConfiguration": {"cleanup.policy": ["compact"]},
                "bindingVersion": _KAFKA_BINDING,
            }
        },
    }


def _webhook() -> Document:
    names = [f"{message_name(type_)}{mode}" for type_ in DELIVERED for mode in ("Binary", "Structured")]
    return {
        "address": None,
        "title": "HTTP subscriber",
        "description": "The URL of a subscriber. Any answer 2xx says that the event was taken.",
        "servers": [{"$ref": f"#/servers/{WEBHOOK}"}],
        "messages": {name: {"$ref": MESSAGES + name} for name in names},
    }


def _publish(topic: Topic) -> Document:
    return {
        "action": "send",
        "title": f"Publish {_short(topic)}",
        "channel": {"$ref": f"#/channels/{_short(topic)}"},
    }


def _deliver() -> Document:
    return {
        "action": "send",
        "title": "Deliver to a subscriber",
        "channel": {"$ref": f"#/channels/{WEBHOOK}"},
        "bindings": {"http": {"method": "POST", "bindingVersion": _HTTP_BINDING}},
    }


def _messages() -> Iterator[tuple[str, Document]]:
    for type_ in EventType:
        yield message_name(type_), _on_kafka(type_)
    for topic in Topic:
        yield f"{_short(topic)}Tombstone", _tombstone(topic)
    for type_ in DELIVERED:
        yield f"{message_name(type_)}Binary", _binary(type_)
        yield f"{message_name(type_)}Structured", _structured(type_)


def _on_kafka(type_: EventType) -> Document:
    return {
        **_titled(type_, "binary content mode"),
        "contentType": "application/json",
        "headers": _attributes(type_, "ce_"),
        "payload": {"$ref": SCHEMAS + DATA_TYPES[type_].__name__},
        "bindings": {"kafka": _key(TOPIC_OF[type_])},
    }


def _tombstone(topic: Topic) -> Document:
    return {
        "name": "tombstone",
        "title": f"{_short(topic)}: nothing of this key is left",
        "payload": {"type": "null"},
        "bindings": {"kafka": _key(topic)},
    }


def _binary(type_: EventType) -> Document:
    return {
        **_titled(type_, "binary content mode"),
        "contentType": "application/json",
        "headers": _attributes(type_, "ce-"),
        "payload": {"$ref": SCHEMAS + DATA_TYPES[type_].__name__},
    }


def _structured(type_: EventType) -> Document:
    event = _attributes(type_, "")
    event["properties"]["datacontenttype"] = {"const": "application/json"}
    event["properties"]["data"] = {"$ref": SCHEMAS + DATA_TYPES[type_].__name__}
    event["required"].append("data")
    return {**_titled(type_, "structured content mode"), "contentType": STRUCTURED, "payload": event}


def _titled(type_: EventType, mode: str) -> Document:
    return {"name": type_.value, "title": f"{type_.value}, {mode}"}


def _key(topic: Topic) -> Document:
    return {"key": {"type": "string", "description": KEYS[topic]}, "bindingVersion": _KAFKA_BINDING}


def _attributes(type_: EventType, prefix: str) -> Document:
    """Schema of an event's attributes, each with a prefix to its name."""
    core: Document = {
        "specversion": {"const": "1.0"},
        "type": {"const": type_.value},
        "source": {"type": "string", "format": "uri-reference", "pattern": "^/clusters/"},
        "id": {"type": "string", "minLength": 1, "description": "The same whenever the event comes again."},
        "time": {"type": "string", "format": "date-time"},
        "subject": {"type": "string", "minLength": 1, "description": SUBJECTS[type_]},
        "partitionkey": {"type": "string", "minLength": 1, "description": KEYS[TOPIC_OF[type_]]},
    }
    extensions = {each.name: _extension(each) for each in EXTENSIONS[type_]}
    required = [*core, *(each.name for each in EXTENSIONS[type_] if each.required)]
    return {
        "type": "object",
        "properties": {f"{prefix}{name}": schema for name, schema in {**core, **extensions}.items()},
        "required": [f"{prefix}{name}" for name in required],
    }


def _extension(attribute: Attribute) -> Document:
    values: Document = {"enum": list(attribute.values)} if attribute.values else {"minLength": 1}
    return {"type": "string", **values, "description": attribute.description}


def _schemas() -> Document:
    """Every type of data once, those inside them too."""
    data = dict.fromkeys(DATA_TYPES.values())
    _, schemas = msgspec.json.schema_components(data, ref_template=SCHEMAS + "{name}")
    return dict(sorted(schemas.items()))

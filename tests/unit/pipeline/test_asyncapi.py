"""The AsyncAPI document of Tocsin's own events. The committed one: tests/unit/deliverer/test_asyncapi."""

from pipeline.asyncapi import document, message_name
from pipeline.attributes import EXTENSIONS, KEYS, SUBJECTS, TOPIC_OF
from pipeline.events import EventType, Topic


def test_every_type_of_event_and_every_topic_is_in_it() -> None:
    for described in (EXTENSIONS, SUBJECTS, TOPIC_OF):
        assert set(described) == set(EventType)
    assert set(KEYS) == set(Topic)
    messages = document()["components"]["messages"]
    assert {message_name(type_) for type_ in EventType} <= set(messages)
    addresses = [channel["address"] for channel in document()["channels"].values()]
    assert addresses == [*Topic, None]


def test_attributes_have_names_that_every_protocol_can_carry() -> None:
    names = {attribute.name for attributes in EXTENSIONS.values() for attribute in attributes}
    assert [name for name in names if not (name.isascii() and name.isalnum() and name.islower())] == []

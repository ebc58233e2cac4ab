"""Every event of real runs is what the committed schemas, the AsyncAPI document and the CloudEvents SDK say.

Not covered: other CloudEvents implementations (`test_other_consumers`), and owners and
redacted values, which only a cluster has (tests/integration/kube).
"""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from cloudevents.core.bindings import http
from cloudevents.core.v1.event import CloudEvent

from pipeline.asyncapi import DELIVERED, message_name
from pipeline.attributes import EXTENSIONS, TOPIC_OF
from pipeline.bus import Record
from pipeline.codec import from_json, from_kafka, to_cloudevent, to_json, to_kafka
from pipeline.events import Event, EventType

REFERENCE = Path(__file__).parents[3] / "docs" / "reference"
FORMATS = jsonschema.FormatChecker()
EVERY_EVENT = {"specversion", "type", "source", "id", "time", "subject", "datacontenttype", "partitionkey"}


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.xdist_group("kafka"))])
def records(request: pytest.FixtureRequest) -> list[Record]:
    """Of a run in one process, and of services on a broker."""
    found: list[Record] = request.getfixturevalue(f"{request.param}_records")
    return found


def events(records: list[Record]) -> list[Event]:
    return [record.event for record in records if record.event]


def closed(schema: Any) -> Any:
    """The schema with every object limited to what it describes: data has nothing that is not told."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    inside = {name: closed(value) for name, value in schema.items()}
    return {**inside, "additionalProperties": False} if schema.get("properties") else inside


def validator(schema: Any) -> jsonschema.Draft202012Validator:
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema, format_checker=FORMATS)


def test_every_event_of_a_run_is_as_the_contract_says(records: list[Record]) -> None:
    """One test, so that there is one run on a broker."""
    every_event_validates_against_the_committed_schema_of_its_type(records)
    every_message_validates_against_the_asyncapi_document(records)
    the_sdk_reads_back_what_it_wrote(records)
    every_record_is_where_its_type_belongs(records)
    every_type_of_event_is_there(records)


def every_event_validates_against_the_committed_schema_of_its_type(records: list[Record]) -> None:
    committed = {
        type_: json.loads((REFERENCE / "schemas" / f"{type_.value}.json").read_text(encoding="utf-8"))
        for type_ in EventType
    }
    validators = {type_: validator(closed(schema)) for type_, schema in committed.items()}
    for event in events(records):
        validators[event.type].validate(json.loads(to_json(event))["data"])


def every_message_validates_against_the_asyncapi_document(records: list[Record]) -> None:
    document = json.loads((REFERENCE / "asyncapi.json").read_text(encoding="utf-8"))
    components = closed(document["components"]["schemas"])
    parts = {
        (name, part): validator({**closed(message[part]), "components": {"schemas": components}})
        for name, message in document["components"]["messages"].items()
        for part in ("headers", "payload")
        if part in message
    }
    for event in events(records):
        name = message_name(event.type)
        kafka = to_kafka(event)
        headers = {name: value.decode() for name, value in kafka.headers.items() if name != "content-type"}
        parts[name, "headers"].validate(headers)
        parts[name, "payload"].validate(json.loads(kafka.value))
        assert (f"{name}Binary" in document["components"]["messages"]) is (event.type in DELIVERED)
        if event.type not in DELIVERED:
            continue
        binary = http.to_binary_event(to_cloudevent(event))
        headers = {name: value for name, value in binary.headers.items() if name != "content-type"}
        parts[f"{name}Binary", "headers"].validate(headers)
        parts[f"{name}Binary", "payload"].validate(json.loads(binary.body))
        structured = http.to_structured_event(to_cloudevent(event))
        parts[f"{name}Structured", "payload"].validate(json.loads(structured.body))


def the_sdk_reads_back_what_it_wrote(records: list[Record]) -> None:
    for event in events(records):
        cloudevent = to_cloudevent(event)  # the SDK checks what it is given
        assert isinstance(cloudevent, CloudEvent)
        for request in (http.to_binary_event(cloudevent), http.to_structured_event(cloudevent)):
            read = http.from_http_event(request)
            assert read.get_data() == json.loads(to_json(event))["data"]
            assert read.get_attributes() == cloudevent.get_attributes()
        assert from_kafka(to_kafka(event)) == event
        assert from_json(to_json(event)) == event


def every_record_is_where_its_type_belongs(records: list[Record]) -> None:
    for record in records:
        assert record.key
        if (event := record.event) is None:
            continue
        assert record.topic is TOPIC_OF[event.type]
        assert record.key == event.key
        attributes = set(to_cloudevent(event).get_attributes())
        known = {attribute.name for attribute in EXTENSIONS[event.type]}
        assert attributes - EVERY_EVENT <= known
        assert {each.name for each in EXTENSIONS[event.type] if each.required} <= attributes


def every_type_of_event_is_there(records: list[Record]) -> None:
    assert {event.type for event in events(records)} == set(EventType), "the workload makes them"


def test_two_events_of_one_run_never_share_an_id(embedded_records: list[Record]) -> None:
    ids = [(event.source, event.id) for event in events(embedded_records)]
    assert len(ids) == len(set(ids))

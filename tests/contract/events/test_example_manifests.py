"""The examples for Knative and Argo Events: valid by their own schemas, and their filters on real events.

The brokers themselves are not started here. The filters are evaluated as their sources do:
Knative's dialects are those of CloudEvents Subscriptions, Argo's data filters are
regular expressions that search the text at a path of `{header, body}`.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from cloudevents.core.bindings import http

from pipeline.bus import Record
from pipeline.codec import to_cloudevent
from pipeline.events import Change, Event, Mode, Outcome, Verdict, is_violation
from tests.services import api_schemas

EXAMPLES = Path(__file__).parents[3] / "examples" / "subscribers"


def documents(name: str) -> list[Any]:
    return list(yaml.safe_load_all((EXAMPLES / name).read_text(encoding="utf-8")))


def closed(schema: Any) -> Any:
    """The schema as an API server that prunes nothing would have it: unknown fields are mistakes."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    inside = {name: closed(value) for name, value in schema.items()}
    has_fields = isinstance(schema.get("properties"), dict) and "type" in schema
    return {**inside, "additionalProperties": False} if has_fields else inside


def without_required(schema: Any) -> Any:
    """Argo's schema is made of Go's types, and calls required what its own examples leave out (`url`)."""
    if isinstance(schema, list):
        return [without_required(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: without_required(value)
        for name, value in schema.items()
        if name != "required" or not isinstance(value, list)
    }


def test_the_trigger_is_valid_for_knative() -> None:
    (trigger,) = documents("knative-trigger.yaml")
    path = api_schemas(trigger["apiVersion"]) / "trigger.yaml"
    definition = yaml.safe_load(path.read_text(encoding="utf-8"))
    (version,) = (each for each in definition["spec"]["versions"] if each["name"] == "v1")
    schema = version["schema"]["openAPIV3Schema"]
    assert (trigger["kind"], definition["spec"]["group"]) == ("Trigger", "eventing.knative.dev")
    spec = closed(schema["properties"]["spec"])
    jsonschema.Draft202012Validator(spec).validate(trigger["spec"])
    misspelt = {**trigger["spec"], "fliters": []}
    assert not jsonschema.Draft202012Validator(spec).is_valid(misspelt)


def test_the_event_source_and_the_sensor_are_valid_for_argo_events() -> None:
    objects = documents("argo-events.yaml")
    path = api_schemas(objects[0]["apiVersion"]) / "schema.json"
    schema = json.loads(path.read_text(encoding="utf-8"))
    definitions = without_required(closed(schema["definitions"]))
    for each in objects:
        names = [name for name in definitions if name.endswith(f"events.v1alpha1.{each['kind']}")]
        assert len(names) == 1
        reference = {"$ref": f"#/definitions/{names[0]}", "definitions": definitions}
        jsonschema.Draft7Validator(reference).validate(each)
        misspelt = {**each, "spec": {**each["spec"], "triggerz": []}}
        assert not jsonschema.Draft7Validator(reference).is_valid(misspelt)


def attributes(event: Event) -> dict[str, str]:
    """As a broker has them: of the headers in binary mode."""
    headers = http.to_binary_event(to_cloudevent(event)).headers
    return {name.removeprefix("ce-"): value for name, value in headers.items() if name.startswith("ce-")}


def knative_takes(expression: Mapping[str, Any], seen: Mapping[str, str]) -> bool:
    ((dialect, argument),) = expression.items()
    match dialect:
        case "any":
            return any(knative_takes(each, seen) for each in argument)
        case "all":
            return all(knative_takes(each, seen) for each in argument)
        case "not":
            return not knative_takes(argument, seen)
        case "exact":
            return all(seen.get(name) == value for name, value in argument.items())
        case "prefix":
            return all(seen.get(name, "").startswith(value) for name, value in argument.items())
        case _:
            raise AssertionError(f"{dialect} is not evaluated here")


def argo_takes(filters: Mapping[str, Any], payload: Mapping[str, Any]) -> bool:
    assert filters["dataLogicalOperator"] == "and"
    assert set(filters) == {"dataLogicalOperator", "data"}
    for each in filters["data"]:
        value: Any = payload
        for step in each["path"].split("."):
            value = value.get(step) if isinstance(value, dict) else None
        assert each["type"] == "string"
        if value is None:
            return False
        found = [re.search(pattern, str(value)) is not None for pattern in each["value"]]
        if each.get("comparator") == "!=":
            found = [not one for one in found]
        if not any(found):
            return False
    return True


def page(event: Event) -> bool:
    """What the examples say they are for: new violations of policies that are enforced."""
    data = event.data
    if not isinstance(data, Verdict) or data.policy.mode is not Mode.ENFORCE:
        return False
    is_new = data.change in {Change.NEW, Change.DEGRADED, Change.RETURNED}
    return (
        is_violation(data.outcome, data.policy.mode)
        and is_new
        and not data.resource.namespace.startswith("kube-")
    )


OTHERS = ({"namespace": "kube-system"}, {"mode": "warn"}, {"change": "updated"}, {"change": "waived"})
"""What makes an event one that nobody is to be woken for."""


@pytest.fixture
def events(embedded_records: list[Record]) -> list[Event]:
    found = [
        record.event for record in embedded_records if record.event and isinstance(record.event.data, Verdict)
    ]
    outcomes = {event.data.outcome for event in found if isinstance(event.data, Verdict) and page(event)}
    assert outcomes == {Outcome.FAIL}
    return found


def test_the_trigger_takes_new_violations_of_enforced_policies(events: list[Event]) -> None:
    (trigger,) = documents("knative-trigger.yaml")
    filters = {"all": trigger["spec"]["filters"]}
    assert [event.id for event in events if knative_takes(filters, attributes(event))] == [
        event.id for event in events if page(event)
    ]
    taken = attributes(next(event for event in events if page(event)))
    assert knative_takes(filters, taken)
    for other in (
        {"namespace": "kube-system"},
        {"mode": "warn"},
        {"change": "updated"},
        {"change": "waived"},
    ):
        assert not knative_takes(filters, taken | other)


def test_the_sensor_takes_new_violations_of_enforced_policies(events: list[Event]) -> None:
    _, sensor = documents("argo-events.yaml")
    (dependency,) = sensor["spec"]["dependencies"]

    def payload(event: Event) -> dict[str, Any]:
        return {"header": {}, "body": json.loads(http.to_structured_event(to_cloudevent(event)).body)}

    assert [event.id for event in events if argo_takes(dependency["filters"], payload(event))] == [
        event.id for event in events if page(event)
    ]
    taken = payload(next(event for event in events if page(event)))
    for other in (
        {"namespace": "kube-system"},
        {"mode": "warn"},
        {"change": "updated"},
        {"change": "waived"},
    ):
        changed = {"header": {}, "body": taken["body"] | other}
        assert not argo_takes(dependency["filters"], changed)
    for source in sensor["spec"]["triggers"][0]["template"]["http"]["payload"]:
        value: Any = taken
        for step in source["src"]["dataKey"].split("."):
            value = value[step]
        assert value

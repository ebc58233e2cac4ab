"""The whole AsyncAPI document: `python -m deliverer.asyncapi FILE`.

That of Tocsin's own events (`pipeline.asyncapi`), and beside them the form that a subscriber can ask
for in their place (`deliverer.validation_changed`).
"""

import json
import sys
from pathlib import Path

import msgspec

from deliverer.validation_changed import TYPE, Occurrence
from pipeline import asyncapi
from pipeline.asyncapi import MESSAGES, SCHEMAS, STRUCTURED, WEBHOOK, Document

NAME = "policyValidationChanged"
"""What its messages are called; `Binary` or `Structured` follows."""


def document() -> Document:
    """The whole document, as JSON values."""
    found = asyncapi.document()
    messages = {f"{NAME}Binary": _binary(), f"{NAME}Structured": _structured()}
    found["channels"][WEBHOOK]["messages"] |= {name: {"$ref": MESSAGES + name} for name in messages}
    components = found["components"]
    _, schemas = msgspec.json.schema_components([Occurrence], ref_template=SCHEMAS + "{name}")
    components["messages"] |= messages
    components["schemas"] = dict(sorted({**components["schemas"], **schemas}.items()))
    return found


def render() -> str:
    """The document as it is committed."""
    return json.dumps(document(), indent=2) + "\n"


def _binary() -> Document:
    return {
        **_titled("binary content mode"),
        "contentType": "application/json",
        "headers": _attributes("ce-"),
        "payload": {"$ref": SCHEMAS + Occurrence.__name__},
    }


def _structured() -> Document:
    event = _attributes("")
    event["properties"]["datacontenttype"] = {"const": "application/json"}
    event["properties"]["data"] = {"$ref": SCHEMAS + Occurrence.__name__}
    event["required"].append("data")
    return {**_titled("structured content mode"), "contentType": STRUCTURED, "payload": event}


def _titled(mode: str) -> Document:
    summary = "To subscribers with `form: validation-changed`, in place of Tocsin's own events."
    return {"name": TYPE, "title": f"{TYPE}, {mode}", "summary": summary}


def _attributes(prefix: str) -> Document:
    """Schema of the event's attributes, each with a prefix to its name. It has no extensions."""
    attributes: Document = {
        "specversion": {"const": "1.0"},
        "type": {"const": TYPE},
        "source": {"type": "string", "format": "uri-reference", "pattern": "^k8s://"},
        "id": {"type": "string", "minLength": 1, "description": "The same whenever the event comes again."},
        "time": {"type": "string", "format": "date-time"},
        "subject": {"type": "string", "minLength": 1, "description": "registry/repository@digest."},
    }
    return {
        "type": "object",
        "properties": {f"{prefix}{name}": schema for name, schema in attributes.items()},
        "required": [f"{prefix}{name}" for name in attributes],
    }


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(render(), encoding="utf-8")

"""The committed JSON Schemas are those of the code, and hold for real events."""

import json
from datetime import UTC, datetime
from pathlib import Path

import jsonschema
import msgspec
import pytest

from pipeline.events import Change, EventType, Mode, Outcome, PolicyRef, ResourceRef, Verdict
from pipeline.schemas import render, schema_of

FOLDER = Path(__file__).parents[3] / "docs" / "reference" / "schemas"


@pytest.mark.parametrize("type_", EventType, ids=str)
def test_the_committed_schema_is_current(type_: EventType) -> None:
    committed = (FOLDER / f"{type_.value}.json").read_text(encoding="utf-8")
    assert committed == render(type_), "event data changed: give it a new type version, then `make schemas`"


def test_a_verdict_validates_against_its_schema() -> None:
    verdict = Verdict(
        cluster="c",
        resource=ResourceRef(api_version="v1", kind="Pod", namespace="n", name="p"),
        policy=PolicyRef(name="p", digest="d", mode=Mode.WARN),
        outcome=Outcome.FAIL,
        change=Change.NEW,
        evaluated_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    schema = schema_of(EventType.VERDICT_FAILED)
    jsonschema.validate(json.loads(msgspec.json.encode(verdict)), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"cluster": "c"}, schema)

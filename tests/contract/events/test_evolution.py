"""Who reads events by the documents of a release can read today's: they only ever gain something.

`released/` has the AsyncAPI document of each release; a release adds its own.
"""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deliverer.asyncapi import document
from tests.contract.events.compatibility import breaks

RELEASED = sorted((Path(__file__).parent / "released").glob("*.json"))


def load(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("release", RELEASED, ids=lambda path: path.stem)
def test_todays_events_can_be_read_by_the_documents_of_a_release(release: Path) -> None:
    assert breaks(load(release), document()) == []


def _verdict(changed: dict[str, Any]) -> Any:
    return changed["components"]["schemas"]["Verdict"]


def _headers(changed: dict[str, Any]) -> Any:
    return changed["components"]["messages"]["verdictFailedBinary"]["headers"]


BREAKING: dict[str, Callable[[Any], Any]] = {
    "a message is gone": lambda d: d["components"]["messages"].pop("verdictPassed"),
    "a topic has another name": lambda d: d["channels"]["verdicts"].update(address="verdicts"),
    "a field is gone": lambda d: _verdict(d)["properties"].pop("message"),
    "a field is of another type": lambda d: _verdict(d)["properties"]["message"].update(type="integer"),
    "a field is not always there": lambda d: _verdict(d)["required"].remove("outcome"),
    "a field may be null": lambda d: _verdict(d)["properties"].update(
        message={"anyOf": [{"type": "string"}, {"type": "null"}]}
    ),
    "a field far inside is gone": lambda d: d["components"]["schemas"]["Image"]["properties"].pop("digest"),
    "a closed set has another word": lambda d: d["components"]["schemas"]["Outcome"]["enum"].append("maybe"),
    "an attribute is gone": lambda d: _headers(d)["properties"].pop("ce-policy"),
    "an attribute has another word": lambda d: _headers(d)["properties"]["ce-mode"]["enum"].append("off"),
    "the type has another name": lambda d: _headers(d)["properties"]["ce-type"].update(const="other.v1"),
}


@pytest.mark.parametrize("what", BREAKING)
def test_what_would_break_a_reader_is_found(what: str) -> None:
    changed = copy.deepcopy(document())
    BREAKING[what](changed)
    assert breaks(document(), changed) != []


ADDING: dict[str, Callable[[Any], Any]] = {
    "nothing": lambda _: None,
    "a field": lambda d: _verdict(d)["properties"].update(severity={"type": "string"}),
    "a field that is always there": lambda d: _verdict(d)["required"].append("message"),
    "a message": lambda d: d["components"]["messages"].update(more={"name": "more"}),
    "an attribute": lambda d: _headers(d)["properties"].update({"ce-owner": {"type": "string"}}),
    "a reason": lambda d: d["components"]["schemas"]["Withdrawal"]["enum"].append("another_reason"),
}


@pytest.mark.parametrize("what", ADDING)
def test_what_is_added_breaks_no_reader(what: str) -> None:
    changed = copy.deepcopy(document())
    ADDING[what](changed)
    assert breaks(document(), changed) == []

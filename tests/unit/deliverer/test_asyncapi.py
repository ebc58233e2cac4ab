"""The committed AsyncAPI document is that of the code. What other tools make of it: tests/contract/events."""

import json
from pathlib import Path

from deliverer.asyncapi import NAME, document, render
from deliverer.subscriber import ContentMode
from deliverer.validation_changed import TYPE
from pipeline import asyncapi
from pipeline.events import Outcome
from tests.contract.events.test_real_events import closed, validator
from tests.unit.deliverer.test_validation_changed import sent, verdict

DOCUMENT = Path(__file__).parents[3] / "docs" / "reference" / "asyncapi.json"


def test_the_committed_document_is_current() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == render(), "run `make schemas` and commit the document"


def test_the_form_of_others_is_beside_our_own_events_and_takes_nothing_from_them() -> None:
    ours, whole = asyncapi.document(), document()
    for part in ("messages", "schemas"):
        assert whole["components"][part].items() >= ours["components"][part].items()
    more = set(whole["components"]["messages"]) - set(ours["components"]["messages"])
    assert more == {f"{NAME}Binary", f"{NAME}Structured"}
    assert {whole["components"]["messages"][name]["name"] for name in more} == {TYPE}
    assert more <= set(whole["channels"]["subscriber"]["messages"])


def test_what_is_sent_in_that_form_is_what_the_document_says_and_no_more() -> None:
    components = closed(document()["components"]["schemas"])
    messages = document()["components"]["messages"]
    parts = {
        (mode, part): validator({**closed(messages[name][part]), "components": {"schemas": components}})
        for mode, name in (
            (ContentMode.BINARY, f"{NAME}Binary"),
            (ContentMode.STRUCTURED, f"{NAME}Structured"),
        )
        for part in ("headers", "payload")
        if part in messages[name]
    }
    for outcome in (Outcome.PASS, Outcome.FAIL, Outcome.WARN):
        (binary,) = sent(verdict(outcome, message="because"))
        headers = {name.lower(): value for name, value in binary.headers.items()}
        assert headers.pop("content-type") == messages[f"{NAME}Binary"]["contentType"]
        parts[ContentMode.BINARY, "headers"].validate(headers)
        parts[ContentMode.BINARY, "payload"].validate(json.loads(binary.body))
        (structured,) = sent(verdict(outcome), ContentMode.STRUCTURED)
        parts[ContentMode.STRUCTURED, "payload"].validate(json.loads(structured.body))

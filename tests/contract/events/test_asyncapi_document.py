"""The committed AsyncAPI document is one for AsyncAPI's own parser."""

import json
from pathlib import Path
from typing import Any

from deliverer.asyncapi import NAME
from pipeline.attributes import TOPIC_OF
from pipeline.events import EventType
from tests.consumers import node

DOCUMENT = Path(__file__).parents[3] / "docs" / "reference" / "asyncapi.json"
ERROR, WARNING = 0, 1


def parsed(document: Any) -> tuple[list[dict[str, Any]], dict[str, list[str]]]:
    """Errors and warnings of the parser, and the messages of each channel."""
    said = json.loads(node.run("asyncapi.cjs", stdin=json.dumps(document).encode()))
    complaints = [each for each in said["diagnostics"] if each["severity"] in (ERROR, WARNING)]
    return complaints, said["channels"]


def test_its_parser_has_nothing_to_complain_of() -> None:
    complaints, channels = parsed(json.loads(DOCUMENT.read_text(encoding="utf-8")))
    assert complaints == []
    for type_ in EventType:
        _, _, what, happened, _ = type_.split(".")
        topic = TOPIC_OF[type_].rpartition(".")[2]
        assert f"{what}{happened.capitalize()}" in channels[topic]
    assert {f"{NAME}Binary", f"{NAME}Structured"} <= set(channels["subscriber"])


def test_its_parser_complains_where_something_is_wrong() -> None:
    document = json.loads(DOCUMENT.read_text(encoding="utf-8"))
    document["channels"]["verdicts"]["messages"]["verdictFailed"] = {"$ref": "#/components/messages/nowhere"}
    complaints, _ = parsed(document)
    assert [each["severity"] for each in complaints] != []

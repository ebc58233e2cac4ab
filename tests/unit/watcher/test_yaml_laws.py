"""The fast way to read YAML equals the reference, on whatever text (docs/decisions/0005).

Not here: what the reference says (`test_yaml`).
"""

import json
from typing import Any

from hypothesis import event, given
from hypothesis import strategies as st

from tests.unit.watcher.yaml_texts import documents, mutated
from watcher.documents import ContentError
from watcher.yaml import is_plain, parse
from watcher.yaml_reference import parse_reference

_TEXTS = documents | mutated() | st.text(max_size=40)


def _outcome(reader: Any, text: str) -> tuple[str, Any]:
    """What a reader gives: a value as JSON, so that 1, 1.0 and true differ; or its complaint."""
    try:
        return "value", json.dumps(reader(text), allow_nan=False)
    except ContentError as error:
        return f"line {error.line}", str(error)


@given(_TEXTS)
def test_the_fast_path_equals_the_reference(text: str) -> None:
    event("fast" if is_plain(text) else "slow")
    assert _outcome(parse, text) == _outcome(parse_reference, text)


@given(_TEXTS, st.integers(1, 1000))
def test_any_text_is_a_value_or_a_complaint_of_one_line_inside_the_file(text: str, first_line: int) -> None:
    place, said = _outcome(lambda text: parse(text, first_line), text)
    if place != "value":
        line = int(place.removeprefix("line "))
        assert first_line <= line <= first_line + len(text.splitlines()) + 1
        assert "\n" not in said


@given(documents)
def test_what_the_fast_path_may_read_has_no_anchor_alias_or_tag(text: str) -> None:
    if is_plain(f"a: &x {text}") or is_plain(f"- *x\n- {text}") or is_plain(f"a: !!str {text}"):
        raise AssertionError(text)

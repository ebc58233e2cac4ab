"""From a document's bytes to plain values: JSON as JSON says, and everything else as YAML.

Not here: what YAML means (`test_yaml`), which bytes are a document (`test_splitting`).
"""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watcher.documents import ContentError, Document, Place, Syntax
from watcher.values import decode
from watcher.yaml_reference import MAX_DEPTH


def _decode(text: str | bytes, syntax: Syntax = Syntax.EITHER, line: int = 1, item: int | None = None) -> Any:
    data = text.encode() if isinstance(text, str) else text
    return decode(Document(Place(1, line, item), data, syntax))


_numbers = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
_values = st.recursive(
    st.none() | st.booleans() | _numbers | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=3), _values, max_size=3), st.booleans(), st.sampled_from([None, 1]))
def test_json_is_read_as_it_was_written(value: Any, escaped: bool, indent: int | None) -> None:
    text = json.dumps(value, ensure_ascii=escaped, indent=indent)
    assert _decode(text, Syntax.JSON) == value
    assert _decode(text, Syntax.EITHER) == value


def test_what_is_no_json_after_all_is_read_as_yaml_unless_its_name_says_json() -> None:
    assert _decode("{a: yes}") == {"a": True}
    with pytest.raises(ContentError, match="JSON"):
        _decode("{a: yes}", Syntax.JSON)


def test_an_item_cut_from_yaml_loses_its_dash_and_one_cut_from_json_has_none() -> None:
    assert _decode("- a: 1\n  b: 2\n", Syntax.YAML, item=0) == {"a": 1, "b": 2}
    assert _decode('{"a": 1}', Syntax.JSON, item=0) == {"a": 1}


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ('{"a": 1,\n"b": }', 8, "JSON is malformed"),
        ('{"a": 1,\n"a": 2}', 7, "key 'a' stands twice in one object"),
        ('{"a": {"x": 1}, "b": [{"\\u0078": 1, "x": 2}]}', 7, "key 'x' stands twice in one object"),
        ('{"a": ' * (MAX_DEPTH + 1) + "1" + "}" * (MAX_DEPTH + 1), 7, "nested deeper than 200 levels"),
        ("[" * 100_000 + "]" * 100_000, 7, "nested deeper than 200 levels"),
        ('{"a": NaN}', 7, "JSON is malformed"),
        ('{"a": 1e400}', 7, "Number out of range"),
        ('{"a": "\x01"}', 7, "JSON is malformed"),
    ],
)
def test_what_json_does_not_allow_names_the_line(text: str, line: int, said: str) -> None:
    with pytest.raises(ContentError) as caught:
        _decode(text, Syntax.JSON, line=7)
    assert said in str(caught.value)
    assert caught.value.line == line


@pytest.mark.parametrize("syntax", list(Syntax))
def test_bytes_that_are_not_utf_8_are_named(syntax: Syntax) -> None:
    with pytest.raises(ContentError, match="not UTF-8: byte 3 of this line is 0xff") as caught:
        _decode(b"a: 1\nb:\xff\n", syntax, line=7)
    assert caught.value.line == 8


@given(st.binary(max_size=40), st.sampled_from(Syntax))
def test_any_bytes_are_a_value_or_a_complaint(data: bytes, syntax: Syntax) -> None:
    try:
        json.dumps(_decode(data, syntax), allow_nan=False)
    except ContentError as error:
        assert "\n" not in str(error)  # noqa: PT017 - either is fine; anything else is raised

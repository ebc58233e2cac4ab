"""Where documents begin and end in a stream, and the items of a List.

Not here: what is in a document (`test_yaml`, `test_values`), what it means (`test_objects`).
"""

import io
import json
import tracemalloc
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from watcher.documents import BrokenDocument, ContentError, Document, ListKind, Part
from watcher.splitting import split
from watcher.values import decode

CAP = 1000


class _Chunks(io.RawIOBase):
    """A stream that gives its bytes in the pieces it is told, as a pipe does."""

    def __init__(self, data: bytes, sizes: list[int]) -> None:
        self._data = data
        self._sizes = list(sizes)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # as in watcher.splitting
        size = min(self._sizes.pop(0) if self._sizes else len(buffer), len(buffer))
        data, self._data = self._data[:size], self._data[size:]
        buffer[: len(data)] = data
        return len(data)


def _split(
    data: bytes | str, cap: int = CAP, *, sizes: list[int] | None = None, named_json: bool = False
) -> list[Part]:
    raw = data.encode() if isinstance(data, str) else data
    stream = io.BufferedReader(_Chunks(raw, sizes or []), 2**18)
    return list(split(stream, cap, named_json=named_json))


def _read(data: bytes | str, *, named_json: bool = False) -> list[tuple[int, Any]]:
    """Line and value of every part; of a broken one, its message."""
    found: list[tuple[int, Any]] = []
    for part in _split(data, named_json=named_json):
        try:
            value = part.message if isinstance(part, BrokenDocument) else decode(part)
            found.append((part.place.line, value))
        except ContentError as error:
            found.append((error.line, str(error)))
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("\n\n# nothing\n---\n---\n...\n", []),
        ("a: 1", [(1, {"a": 1})]),
        ("a: 1\n---\nb: 2\n", [(1, {"a": 1}), (3, {"b": 2})]),
        ("---\na: 1\n--- # two\nb: 2\n", [(2, {"a": 1}), (4, {"b": 2})]),
        ("--- {a: 1}\n--- {b: 2}\n", [(1, {"a": 1}), (2, {"b": 2})]),
        ("---\ta\n---\t\nb\n", [(1, "a"), (3, "b")]),
        ("a: 1\n...\nb: 2\n", [(1, {"a": 1}), (3, {"b": 2})]),
        ("a: 1\n...\n---\nb: 2\n", [(1, {"a": 1}), (4, {"b": 2})]),
        ("a: 1\r\n---\r\nb: 2\r\n", [(1, {"a": 1}), (3, {"b": 2})]),
        ("---a: 1\n", [(1, {"---a": 1})]),
        ("a: |\n  ---\n  x\nb: 1\n", [(1, {"a": "---\nx\n", "b": 1})]),
        ('a: "x\n  --- y"\n', [(1, {"a": "x --- y"})]),
        (" ---\n", [(1, "---")]),
        ("%YAML 1.1\n---\na: 1\n", [(1, {"a": 1})]),
        ("a: 1\n---\n# only a comment\n---\nb: 2\n", [(1, {"a": 1}), (5, {"b": 2})]),
        ("\n\n\na: 1\n", [(4, {"a": 1})]),
        ("null\n---\n~\n", [(1, None), (3, None)]),
    ],
)
def test_markers_at_the_start_of_a_line_cut_a_yaml_stream(text: str, expected: list[object]) -> None:
    assert _read(text) == expected


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_a_broken_document_costs_no_other_one(ending: str) -> None:
    text = ending.join(["a: 1", "---", "b: [", "---", "c: 'x", "---", "d: 4", ""])
    first, second, third, fourth = _read(text)
    assert (first, fourth) == ((1, {"a": 1}), (7, {"d": 4}))
    assert "flow" in str(second)
    assert "quoted scalar" in str(third)


def test_a_byte_order_mark_is_passed_over() -> None:
    assert _read(b"\xef\xbb\xbfa: 1\n") == [(1, {"a": 1})]
    assert _read(b'\xef\xbb\xbf{"a": 1}') == [(1, {"a": 1})]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_named(encoding: str) -> None:
    data = "a: 1\n".encode(encoding)
    if encoding != "utf-16":
        data = "\ufeff".encode(encoding) + data
    assert _read(data) == [(1, "UTF-16, expected UTF-8: save the file as UTF-8")]


def test_bytes_that_are_not_utf_8_are_named_with_their_place() -> None:
    assert _read(b"a: 1\n---\nb: 2\nc: caf\xe9\n---\nd: 4\n") == [
        (1, {"a": 1}),
        (4, "not UTF-8: byte 7 of this line is 0xe9"),
        (6, {"d": 4}),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a": 1}', [(1, {"a": 1})]),
        ('  \n\n{"a": 1}\n{"b": 2}{"c": 3}', [(3, {"a": 1}), (4, {"b": 2}), (4, {"c": 3})]),
        ("[1]\n[2]", [(1, [1]), (2, [2])]),
        (r'{"a": "}\"{"}{"b": "\\"}', [(1, {"a": '}"{'}), (1, {"b": "\\"})]),
        ('{"a": 1}\n---\nb: yes\n', [(1, {"a": 1}), (3, {"b": True})]),
        ('{"a": 1}\n--- \n{"b": 2}\n---\nc: 3\n', [(1, {"a": 1}), (3, {"b": 2}), (5, {"c": 3})]),
        ("{a: 1}\n", [(1, {"a": 1})]),
        ("{a: yes, b: [1]}\n---\nc: 3\n", [(1, {"a": True, "b": [1]}), (3, {"c": 3})]),
    ],
)
def test_what_starts_with_a_bracket_is_cut_by_its_brackets(text: str, expected: list[object]) -> None:
    assert _read(text) == expected


@pytest.mark.parametrize("text", ['{"a": [1}', '{"a": 1', '{"a": "x', '{"a": 1}}', '{"a": 1} x'])
def test_json_that_is_broken_is_an_error_and_no_exception(text: str) -> None:
    found = _read(text, named_json=True)
    assert any(isinstance(said, str) for _, said in found)


def test_a_value_after_broken_json_is_still_read() -> None:
    assert _read('{"a": x}\n{"b": 2}\n', named_json=True)[-1] == (2, {"b": 2})


def test_a_json_file_is_not_read_as_yaml() -> None:
    ((line, said),) = _read("{a: 1}", named_json=True)
    assert (line, "JSON" in str(said)) == (1, True)
    assert len(_read("a: 1\n", named_json=True)) == 1


def test_a_key_that_stands_twice_in_json_is_named() -> None:
    assert _read('{"a": {"b": 1, "b": 2}}', named_json=True) == [(1, "key 'b' stands twice in one object")]


_LIST_YAML = """\
apiVersion: v1
items:
- apiVersion: v1
  kind: Pod
- # a comment
  kind: Job
kind: List
metadata: {}
"""


def test_a_list_in_yaml_is_cut_into_its_items_although_its_kind_comes_last() -> None:
    own, first, second = _split(_LIST_YAML)
    assert isinstance(own, Document)
    assert decode(own) == {"apiVersion": "v1", "items": None, "kind": "List", "metadata": {}}
    assert isinstance(first, Document)
    assert isinstance(second, Document)
    assert first.list_kind == ListKind("v1", "List")
    assert [(part.place.number, part.place.line, part.place.item) for part in (first, second)] == [
        (1, 3, 0),
        (1, 5, 1),
    ]
    assert [decode(first), decode(second)] == [{"apiVersion": "v1", "kind": "Pod"}, {"kind": "Job"}]


def test_a_list_in_json_is_cut_into_its_items_although_its_kind_comes_last() -> None:
    text = json.dumps(
        {"apiVersion": "v1", "items": [{"kind": "Pod"}, {"kind": "Job", "x": [{}]}], "kind": "PodList"},
        indent=1,
    )
    own, first, second = _split(text)
    assert isinstance(own, Document)
    assert decode(own)["kind"] == "PodList"
    assert isinstance(first, Document)
    assert isinstance(second, Document)
    assert (first.list_kind, first.place.item, second.place.item) == (ListKind("v1", "PodList"), 0, 1)
    assert [decode(first), decode(second)] == [{"kind": "Pod"}, {"kind": "Job", "x": [{}]}]


@pytest.mark.parametrize(
    "text",
    [
        "items:\n- &a {b: 1}\n- *a\nkind: List\napiVersion: v1\n",
        "items:\n- a\n- b\nkind: Menu\n",
        "items: [a, b]\nkind: List\n",
        "items:\n  a: 1\nkind: List\n",
        '{"items": [1, 2], "kind": "List"}',
        '{"items": [{"a": 1}, 2], "kind": "List"}',
        '{"items": [{"a": 1}], "kind": "Menu"}',
        '{"a": {"items": [{"b": 1}]}, "kind": "List"}',
    ],
)
def test_what_is_no_list_of_separate_items_stays_whole(text: str) -> None:
    (part,) = _split(text)
    assert isinstance(part, Document)
    assert decode(part) == yaml.safe_load(text)


def test_a_broken_item_costs_no_other_item() -> None:
    found = _read("items:\n- a: [\n- b: 2\nkind: List\napiVersion: v1\n")
    assert found[0] == (1, {"items": None, "kind": "List", "apiVersion": "v1"})
    assert found[2] == (3, {"b": 2})
    assert isinstance(found[1][1], str)


@pytest.mark.parametrize("text", ["a: " + "x" * CAP, "a: 1\n" * (CAP // 5 + 1), '{"a": "' + "x" * CAP + '"}'])
def test_a_document_beyond_the_cap_is_one_line_and_the_next_is_read(text: str) -> None:
    large, small = _read(f"{text}\n---\nb: 2\n")
    assert large[0] == 1
    assert str(large[1]).startswith("larger than")
    assert small == (text.count("\n") + 3, {"b": 2})


@pytest.mark.parametrize("json_text", [False, True])
def test_a_list_larger_than_the_cap_is_read_item_by_item_and_a_large_item_costs_itself(
    json_text: bool,
) -> None:
    items = [{"id": str(n), "pad": "x" * (CAP if n == 7 else 100)} for n in range(30)]
    body = {"items": items, "apiVersion": "v1", "kind": "List"}
    text = json.dumps(body) if json_text else yaml.safe_dump(body, sort_keys=False)
    values = [value for _, value in _read(text)[1:]]
    assert len(values) == 30
    assert str(values[7]).startswith("larger than")
    assert values[:7] + values[8:] == items[:7] + items[8:]


def test_a_string_that_never_ends_is_given_up_and_costs_no_memory() -> None:
    tracemalloc.start()
    try:
        ((line, said),) = _read('{"a": "' + "x" * 5_000_000, named_json=True)
        assert tracemalloc.get_traced_memory()[1] < 40_000_000
    finally:
        tracemalloc.stop()
    assert line == 1
    assert "the rest of the file was not read" in str(said)


@pytest.mark.parametrize("rest", ["{}", "---\na: 1"])
def test_rubbish_beyond_the_cap_is_one_line_and_what_follows_it_is_read(rest: str) -> None:
    for rubbish in ("x" * 3 * CAP, "x\n" * 3 * CAP, "x" * (CAP - 1) + "\n" + "x" * CAP):
        for sizes in ([], [CAP, 1, 1], [1] * 7 * CAP):
            first, *others = _split(f"{rubbish}\n{rest}", sizes=sizes, named_json=True)
            assert isinstance(first, BrokenDocument)
            assert len(others) == 1


def test_rubbish_at_the_end_is_measured_without_what_came_before_it() -> None:
    value, rubbish = _split("{}\n" + "x" * (CAP - 1), named_json=True)
    assert isinstance(value, Document)
    assert isinstance(rubbish, Document)
    assert len(rubbish.text) == CAP - 1


_pieces = st.sampled_from(
    [
        "a: 1\n",
        "b: |\n  ---\n  x\n",
        "---\n",
        "--- \n",
        "--- {c: 1}\n",
        "...\n",
        "# note\n",
        "\n",
        "\r\n",
        "d: é\r\n",
        '{"e": "}"}',
        '{"f": [1, {"g": "\\""}]}\n',
        "[1, 2]\n",
        "- h\n",
        "items:\n- i: 1\n- j: 2\n",
        "kind: List\n",
        'k: "x',
        "%YAML 1.1\n",
        '{"items": [{"l": 1}, {"m": 2}], "kind": "List"}\n',
        "\ufeff",
        "  n: 1\n",
        "}",
        "x" * 300,
    ]
)
_streams = st.lists(_pieces, max_size=12).map("".join)


@given(_streams, st.lists(st.integers(1, 9), max_size=60), st.booleans())
def test_a_stream_in_any_chunks_has_the_same_documents(text: str, sizes: list[int], named_json: bool) -> None:
    whole = _split(text, cap=400, named_json=named_json)
    assert _split(text, cap=400, sizes=sizes, named_json=named_json) == whole


@given(_streams | st.text(max_size=60), st.booleans())
def test_any_stream_gives_documents_that_are_read_or_refused(text: str, named_json: bool) -> None:
    for part in _split(text, cap=400, named_json=named_json):
        if isinstance(part, Document):
            assert len(part.text) <= 400
            try:
                decode(part)
            except ContentError as error:
                assert str(error)  # noqa: PT017 - either is fine; anything else is raised


_texts = st.text(
    st.sampled_from("abc é#-:'\"{[ \n"), max_size=6
)  # PyYAML quotes `y` and `0o7` not as kubectl must
_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | _texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_texts, inner, max_size=3),
    max_leaves=8,
)
_objects = st.dictionaries(_texts, _values, max_size=3)


@given(st.lists(_objects, max_size=4), st.sampled_from([None, 0, 2]), st.sampled_from(["", "\n", " \r\n"]))
def test_json_values_come_back_however_they_are_written(
    objects: list[object], indent: int | None, between: str
) -> None:
    text = between.join(json.dumps(value, indent=indent) for value in objects)
    parts = _split(text, cap=10_000, named_json=True)
    assert [decode(part) for part in parts if isinstance(part, Document)] == objects


@given(st.lists(_objects, max_size=4))
def test_yaml_documents_come_back_as_they_were_written(objects: list[object]) -> None:
    text = yaml.safe_dump_all(objects, allow_unicode=True, explicit_start=True)
    parts = _split(text, cap=10_000)
    assert [decode(part) for part in parts if isinstance(part, Document)] == objects


@given(st.lists(_objects, min_size=1, max_size=4), st.booleans())
def test_the_items_of_a_list_come_back_as_they_were_written(items: list[object], json_text: bool) -> None:
    body = {"apiVersion": "v1", "items": items, "kind": "List"}
    text = json.dumps(body) if json_text else yaml.safe_dump(body, allow_unicode=True)
    parts = _split(text, cap=10_000)
    values = [decode(part) for part in parts if isinstance(part, Document)]
    assert values[1:] == items or values == [body]

"""What YAML means to kubectl: the values of scalars, merge keys, aliases, and what is refused.

The expected values are those of sigs.k8s.io/yaml. Not here: where documents begin
and end (`test_splitting`), that both parsers agree (`test_yaml_laws`).
"""

from typing import Any

import pytest

from watcher.documents import ContentError
from watcher.yaml import parse
from watcher.yaml_reference import MAX_DEPTH, parse_reference

READERS = pytest.mark.parametrize("read", [parse, parse_reference])


@READERS
@pytest.mark.parametrize(
    ("text", "value"),
    [
        *[(word, True) for word in ("y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "true", "True", "TRUE")],
        *[(word, False) for word in ("n", "N", "no", "NO", "off", "Off", "false", "False", "FALSE")],
        *[(word, None) for word in ("~", "null", "Null", "NULL", "")],
        *[(word, word) for word in ("yEs", "oN", "tRUE", "nUll", "None", "nil")],
        ("0755", 493),
        ("-0755", -493),
        ("0o755", 493),
        ("08", 8),
        ("0x1F", 31),
        ("-0x1f", -31),
        ("0b101", 5),
        ("1_000", 1000),
        ("+7", 7),
        ("-0", 0),
        ("9223372036854775807", 9223372036854775807),
        ("18446744073709551615", 18446744073709551615),
        (".5", 0.5),
        ("5.", 5),
        ("1.0", 1),
        ("1.5", 1.5),
        ("1e3", 1000),
        ("1E-2", 0.01),
        ("100.25", 100.25),
        *[
            (word, word)
            for word in ("0xG", "0b2", "_1", "1.2.3", "1e", ".", "1e400", "12:30", "500m", "64Mi")
        ],
        *[(word, word) for word in ("2024-01-01", "2024-01-01T10:00:00Z", "10%", "nginx:1.25", "inf", "=")],
    ],
)
def test_a_plain_scalar_means_what_kubectl_reads(read: Any, text: str, value: Any) -> None:
    for document, expected in ((text, value), (f"a: {text}", {"a": value}), (f"[{text}]", [value])):
        if not text and document.startswith("["):
            continue  # `[]` has no scalar in it
        found = read(document)
        assert found == expected
        if isinstance(found, dict):
            assert type(found["a"]) is type(value)


@READERS
@pytest.mark.parametrize("text", ["yes", "0755", "~", "1.0", ".inf", "2024-01-01", "", "<<", "*x", "é"])
def test_what_is_quoted_is_a_string(read: Any, text: str) -> None:
    assert read(f"a: '{text}'\nb: \"{text}\"\n") == {"a": text, "b": text}


@READERS
@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("yes", "true"),
        ("n", "false"),
        ("1", "1"),
        ("0755", "493"),
        ("1.5", "1.5"),
        ("1.0", "1"),
        ("1e100", ".inf"),
        (".nan", ".nan"),
        ("123456789.5", "1.2345679e+08"),
        ("0.00001", "1e-05"),
        ("2024-01-01", "2024-01-01"),
        ("'1'", "1"),
        ("? a", "a"),
    ],
)
def test_a_key_becomes_a_string(read: Any, key: str, name: str) -> None:
    separator = "\n: " if key.startswith("?") else ": "
    assert read(f"{key}{separator}x\n") == {name: "x"}


@READERS
@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("a: .inf", 1, ".inf cannot be written in JSON: quote it if a string is meant"),
        ("a: 1\nb: -.Inf", 2, "-.inf cannot be written in JSON"),
        ("a: [.nan]", 1, ".nan cannot be written in JSON"),
        ("~: 1", 1, "a map key is null: quote it"),
        ("? [a]\n: 1", 1, "a map key is a list or a map, expected a string"),
        ("18446744073709551615: 1", 1, "a map key is too large a number"),
        ("a: 1\nb: 2\na: 3", 3, "key 'a' stands twice in one map"),
        ("{1: a, '1': b}", 1, "key '1' stands twice in one map"),
        ("yes: 1\ntrue: 2", 2, "key 'true' stands twice in one map"),
        ("a: *b", 1, "alias of an unknown anchor 'b'"),
        ("a: &a\n  b: *a", 2, "anchor 'a' contains itself"),
        ("<<: x", 1, "<< takes a map or a list of maps"),
        ("a: !!int x", 1, "the value is not what its tag !!int says"),
        ("a: !!binary 'no base64'", 1, "!!binary needs base64"),
        ("a: [b", 2, "did not find expected ',' or ']', while parsing a flow sequence that starts on line 1"),
        ("a:\n\tb: 1", 2, "cannot start any token"),
        ("a: b: c", 1, "mapping values are not allowed in this context"),
        ("a: 'x", 1, "found unexpected end of stream"),
        ("a: \x07", 1, "U+0007 is not allowed"),
        ("a\n--- b", 2, "a second document"),
    ],
)
def test_what_is_refused_names_the_line(read: Any, text: str, line: int, said: str) -> None:
    with pytest.raises(ContentError) as caught:
        read(text, 10)
    assert said in str(caught.value)
    assert caught.value.line == 9 + line


@READERS
def test_merge_keys_take_effect_where_they_stand(read: Any) -> None:
    base = "base: &b {x: 1, p: 1}\nmore: &m {p: 2, z: 2}\n"
    assert read(f"{base}a: {{<<: *b, p: 3}}\n")["a"] == {"x": 1, "p": 3}
    assert read(f"{base}a: {{p: 3, <<: *b}}\n")["a"] == {"x": 1, "p": 1}
    assert read(f"{base}a: {{<<: [*b, *m]}}\n")["a"] == {"x": 1, "p": 1, "z": 2}
    assert read("a: {'<<': {x: 1}}\n") == {"a": {"<<": {"x": 1}}}


@READERS
def test_an_alias_is_the_last_node_of_that_name(read: Any) -> None:
    assert read("a: &x 1\nb: *x\nc: &x [2]\nd: *x\n") == {"a": 1, "b": 1, "c": [2], "d": [2]}


@READERS
def test_tags_say_what_a_scalar_is(read: Any) -> None:
    text = "a: !!str 1\nb: !!int '7'\nc: !!float 1\nd: !!binary aGk=\ne: !own x\nf: !!null ''\n"
    assert read(text) == {"a": "1", "b": 7, "c": 1, "d": "hi", "e": "x", "f": None}


@READERS
def test_aliases_that_expand_to_billions_are_refused_at_once(read: Any) -> None:
    text = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{name}: &{name} [{','.join(f'*{previous}' for _ in range(9))}]\n"
        for previous, name in zip("abcdefghijkl", "bcdefghijklm", strict=True)
    )
    with pytest.raises(ContentError, match="excessive aliasing"):
        read(text)


@READERS
def test_aliases_in_reason_are_read(read: Any) -> None:
    value = read("env: &e\n- {name: A, value: '1'}\n" + "".join(f"c{n}: *e\n" for n in range(300)))
    assert all(value[f"c{n}"] == [{"name": "A", "value": "1"}] for n in range(300))


@READERS
@pytest.mark.parametrize("opening", ["[", "{a: "])
def test_depth_has_a_limit_and_costs_no_stack(read: Any, opening: str) -> None:
    closing = "]" if opening == "[" else "}"
    read(opening * MAX_DEPTH + closing * MAX_DEPTH)
    for depth in (MAX_DEPTH + 1, 100_000):
        with pytest.raises(ContentError, match=r"nested deeper than|nesting depth"):
            read(opening * depth + closing * depth)


@READERS
@pytest.mark.parametrize("text", ["", "\n", "# only a comment\n", "---\n", "--- # comment\n"])
def test_an_empty_document_is_nothing(read: Any, text: str) -> None:
    assert read(text) is None

"""YAML texts as hypothesis makes them: every style, and what a slip of the hand makes of it."""

import json

from hypothesis import strategies as st


def _words_of(text: str) -> list[str]:
    return text.split()


_TAME = [
    *_words_of("nginx nginx:1.25 registry.example.com/shop/web:v1 true false null 80 0 -1 1.5 500m 64Mi 10%"),
    *_words_of("/bin/sh app-1 é 日本 IfNotPresent 1.2.3 x:y it's name"),
    "",
    "a b",
]
_TAME_KEYS = ["a", "b", "name", "app.kubernetes.io/name", '"q"', "'s'", "é", "image", "a-b"]
_TRICKY = [
    *_words_of("~ null Null nUll true True tRue FALSE y Y n yes Yes yEs NO on Off OFF"),
    *_words_of("0 -0 +0 00 7 +7 -7 0755 -0755 0o755 0O17 08 0x1F 0X1f -0x1f 0xG 0b101 -0b1 0b2"),
    *_words_of("1_000 _1 1_ 0_7 1__0 0x_1F 9223372036854775807 9223372036854775808 18446744073709551615"),
    *_words_of(
        "18446744073709551616 -9223372036854775808 -9223372036854775809 123456789012345678901234567890"
    ),
    *_words_of(".5 -.5 +.5 5. . .. ...5 1.5 1.0 -1.50 1.2.3 1e3 1E3 1e+3 1e-3 1e100 1e400 -1e400 1e e3 .e3"),
    *_words_of(".5e1 5.e1 1_0.5 ._5 1.5_0 0.1 100.25 123456789.123456789 1.7976931348623157e308 5e-324"),
    *_words_of("12:30 12:30:45 190:20:30.15 2024-01-01 2024-1-1 2024-01-01T10:00:00Z"),
    *_words_of(".inf -.inf +.inf .Inf .INF .nan .NaN -.nan inf nan Infinity"),
    *_words_of("<< = - -- ? : a:b * & ! % @ ` | > # a#b -1- 1. 1,000 [1] *.example.com &amp !x --- ..."),
    *["500m", "64Mi", "1Gi", "10%", "nginx:1.25", "http://x/y", "é", "日本", "it's", 'say"x"'],
    *["", "2024-01-01 10:00:00", "a: b", "a #b", "a # b", "{a: 1}", "a  b", "x\ty", "--- a", "%YAML 1.1"],
    *["\ufeff", "\u0085", "\u2028", "\u00a0", "\u00e9\u0301", "\U0001f600"],
]
_KEYS = [
    *_words_of("a b name app.kubernetes.io/name 0 1 01 1.5 1.0 yes n null ~ true << 2024-01-01 0x1F ="),
    *_words_of("'a' \"a\" \"1\" 'yes' é on .5 1e3 1e100 *x"),
    *["? a", "!!str a", "&k a"],
]
_INSERTED = "\t\n\r :-,[]{}'\"#&*!|>%@`?0aye.~<\\\ufeff\u0085\u2028\u00e9\x00\x07"

_words = st.sampled_from(_TRICKY) | st.text(st.sampled_from("ab01.-_eE+xoyn :#'\""), max_size=6)


def _quoted(text: str) -> st.SearchStrategy[str]:
    single = "'" + text.replace("'", "''") + "'"
    return st.sampled_from([text] * 4 + [single, json.dumps(text), json.dumps(text, ensure_ascii=False)])


def _marked(text: str) -> st.SearchStrategy[str]:
    tagged = [f"!!{tag} {text}" for tag in ("str", "int", "float", "bool", "null", "binary")]
    return st.sampled_from([text] * 20 + [*tagged, f"&x {text}", "*x", f"!own {text}"])


def _flow(keys: st.SearchStrategy[str], inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    lists = st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]")
    pairs = st.tuples(keys, st.sampled_from([": ", ": ", ":"]), inner).map("".join)
    maps = st.lists(pairs, max_size=3).map(lambda items: f"{{{', '.join(items)}}}")
    return lists | maps


def _indented(text: str, by: str) -> str:
    return "\n".join(by + line if line else line for line in text.split("\n"))


def _entry(key: str, value: str) -> str:
    return f"{key}:\n{_indented(value, '  ')}" if "\n" in value else f"{key}: {value}"


def _literal(key: str, text: str, style: str) -> str:
    return f"{key}: {style}\n{_indented(text, '  ')}"


def _block(keys: st.SearchStrategy[str], inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    lines = st.text(st.sampled_from("ab \n#-:"), max_size=12)
    literals = st.builds(_literal, keys, lines, st.sampled_from(["|", ">", "|-", ">+"]))
    maps = st.lists(st.builds(_entry, keys, inner) | literals, min_size=1, max_size=4).map("\n".join)
    items = inner.map(lambda value: f"- {_indented(value, '  ').lstrip(' ')}")
    return maps | st.lists(items, min_size=1, max_size=3).map("\n".join)


def _documents(keys: st.SearchStrategy[str], scalars: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    flows = st.recursive(scalars, lambda inner: _flow(keys, inner), max_leaves=5)
    blocks = st.recursive(scalars | flows, lambda inner: _block(keys, inner), max_leaves=8)
    return blocks.map(lambda text: f"{text}\n")


_tricky = _words.flatmap(_quoted).flatmap(_marked)
documents = st.one_of(
    _documents(st.sampled_from(_TAME_KEYS), st.sampled_from(_TAME).flatmap(_quoted)),
    _documents(st.sampled_from(_TAME_KEYS), st.sampled_from(_TAME) | _words),
    _documents(st.sampled_from(_KEYS) | _tricky, _tricky),
)
"""Documents that the fast path takes, that it takes if it is careless, and that it must not take."""


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A document with some characters inserted, deleted or doubled."""
    text = draw(documents)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(text)))
        kind = draw(st.sampled_from(["insert", "delete", "double"]))
        if kind == "insert":
            text = text[:at] + draw(st.sampled_from(_INSERTED)) + text[at:]
        elif kind == "delete":
            text = text[:at] + text[at + 1 :]
        else:
            text = text[:at] + text[max(at - 3, 0) : at] + text[at:]
    return text

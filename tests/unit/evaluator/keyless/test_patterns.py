"""Regular expressions as Go has them; OPA, which is written in Go, is the reference."""

import json
import re
import subprocess
from time import monotonic

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluator.images.keyless.outcomes import UnverifiableError
from evaluator.images.keyless.patterns import check_pattern, matches
from tests.services import opa

GITHUB = r"^https://github\.com/org/[^/]+/\.github/workflows/release\.ya?ml@refs/(heads/main|tags/v\d+)$"
QUERY = "[r | some i; c := input[i]; r := [regex.is_valid(c[0]), regex.match(c[0], c[1])]]"
VALID = "[r | some i; r := regex.is_valid(input[i][0])]"

_TOKENS: tuple[tuple[str, ...], ...] = (
    (*"abkKs1 -./@:_^$|()[]{}*+?,\\\n\u017f\u212a", "é", "٣"),
    (
        "(?i)",
        "(?s)",
        "(?m:",
        "(?U)",
        "(?:",
        "(?P<n>",
        "(?=a)",
        "(?x)",
        ".*",
        ".+?",
        "$^",
        "{2}",
        "{1,3}",
        "{,2}",
    ),
    (
        r"\d",
        r"\W",
        r"\s",
        r"\b",
        r"\.",
        r"\-",
        r"\x41",
        r"\x{e9}",
        r"\A",
        r"\z",
        r"\Q.+\E",
        r"\n",
        r"\<",
        r"\1",
    ),
    ("[^/]", "[a-k]", "[[:alpha:]]", "[^[:word:]]", r"[\w.]", r"[^\d]", r"[\S]", "[]a]", r"\p{L}", "#"),
    ("[a&&b]", "[a--b]", "[~~]", "[a[b]]"),
)
_tokens = st.sampled_from([each for row in _TOKENS for each in row])
_patterns = st.lists(_tokens, max_size=7).map("".join)
_texts = st.text(alphabet="abkKs1 -./@:_\n\u212a\u017fé٣A", max_size=8)


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        (GITHUB, "https://github.com/org/app/.github/workflows/release.yml@refs/tags/v12", True),
        (GITHUB, "https://github.com/org/app/.github/workflows/release.yml@refs/heads/dev", False),
        (GITHUB, "https://githubxcom/org/app/.github/workflows/release.yml@refs/heads/main", False),
        ("^a$", "a\n", False),
        (r"^\d$", "٣", False),
        (r"\w", "é", False),
        ("a.c", "a\nc", False),
        ("(?s)a.c", "a\nc", True),
        ("(?i)K", "\u212a", True),
        ("b", "abc", True),
        ("", "", True),
    ],
)
def test_a_pattern_means_what_it_means_to_go(pattern: str, text: str, *, expected: bool) -> None:
    assert matches(pattern, text) is expected


@pytest.mark.parametrize(
    "pattern",
    [
        "(?=a)",
        r"(a)\1",
        "(?<!a)b",
        "a**",
        "*a",
        "(",
        "a)",
        "[a",
        r"\p{L}",
        r"\B",
        "[b-a]",
        "(?x)a",
        "x{2000}",
        "\\",
    ],
)
def test_what_is_not_read_is_refused_and_never_guessed(pattern: str) -> None:
    with pytest.raises(UnverifiableError, match=re.escape("is not read: ")):
        check_pattern(pattern)


@pytest.mark.parametrize("pattern", ["^(a+)+$", "^(a|a)*$", "(.*)(.*)(.*)(.*)(.*)[^a]$", "(x+x+)+y"])
def test_no_pattern_takes_long(pattern: str) -> None:
    start = monotonic()
    matches(pattern, "a" * 20_000 + "!")
    matches(pattern, "x" * 20_000)
    assert monotonic() - start < 20.0  # backtracking would take longer than the universe has been there


@settings(max_examples=5, deadline=None)
@given(st.lists(st.tuples(_patterns, _texts), min_size=150, max_size=200))
def test_what_is_read_says_the_same_as_go(cases: list[tuple[str, str]]) -> None:
    ours: list[tuple[str, str, bool]] = []
    for pattern, text in cases:
        try:
            ours.append((pattern, text, matches(pattern, text)))
        except UnverifiableError:
            continue
    assert _go(VALID, ours) == [True] * len(ours)
    assert _go(QUERY, ours) == [[True, found] for _, _, found in ours]


def _go(query: str, cases: list[tuple[str, str, bool]]) -> object:
    command = [str(opa()), "eval", "--format=raw", "--stdin-input", query]
    text = json.dumps([case[:2] for case in cases])
    ran = subprocess.run(command, input=text, capture_output=True, check=True, text=True, timeout=60)
    return json.loads(ran.stdout)

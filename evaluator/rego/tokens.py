"""Rego's tokens: just enough of its grammar to judge a text before an engine sees it.

Follows the lexical part of OPA's grammar (docs, "Policy Reference: Grammar"):
strings, raw strings, comments, names, numbers, single characters. Pure, linear
in the length of the text, and total: what is no token is a token of its own.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a token is."""

    NAME = "name"
    STRING = "string"
    NUMBER = "number"
    OPEN = "open"
    CLOSE = "close"
    NEWLINE = "newline"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Token:
    """A token; `start` is its offset in the text, line and column count from 1."""

    kind: Kind
    text: str
    start: int
    line: int
    column: int

    @property
    def end(self) -> int:
        """Offset after the token."""
        return self.start + len(self.text)


_TOKEN = re.compile(
    r"""
      (?P<blank>[ \t\r]+ | \#[^\n]*)
    | (?P<newline>\n)
    | (?P<string>"(?:[^"\\\n]|\\.)*" | `[^`]*`)
    | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<number>[0-9][0-9A-Za-z.]*)
    | (?P<open>[\[({])
    | (?P<close>[\])}])
    | (?P<other>:=|==|!=|<=|>=|.)
    """,
    re.VERBOSE | re.DOTALL,
)


def tokenize(text: str) -> Iterator[Token]:
    """All tokens of a text but blanks and comments."""
    line, line_start = 1, 0
    for match in _TOKEN.finditer(text):
        kind, start, found = match.lastgroup or "other", match.start(), match.group()
        if kind != "blank":
            yield Token(Kind(kind), found, start, line, start - line_start + 1)
        breaks = found.count("\n")
        if breaks:
            line += breaks
            line_start = start + found.rindex("\n") + 1

r"""Regular expressions of policies, which mean what they mean to Go, matched in linear time. Pure.

Source: Go's `regexp/syntax`. A pattern is read token by token and written again for the
regular expressions of Rust, which pydantic has: of the same family (RE2), no backtracking. What
is not known to mean the same in both is refused, never guessed: look-around and back
references, which Go has not either, and `\p{...}`, `\B`, octal escapes.
"""

import re
import sys
from functools import lru_cache
from typing import Annotated

from pydantic import ConfigDict, PydanticUserError, StringConstraints, TypeAdapter, ValidationError
from pydantic_core import SchemaError

from evaluator.images.keyless.outcomes import UnverifiableError
from pipeline.errors import clip

_PERL = {"d": "0-9", "w": "0-9A-Za-z_", "s": r"\t\n\f\r\x20"}
"""ASCII in Go; in Rust they would be all of Unicode."""
_CONTROLS = {"a": 7, "f": 12, "t": 9, "n": 10, "r": 13, "v": 11}
_POSIX = re.compile(
    r"\[:\^?(?:alnum|alpha|ascii|blank|cntrl|digit|graph|lower|print|punct|space|upper|word|xdigit):\]"
)
_GROUP = re.compile(r"\((?:\?(?:P?<([A-Za-z_][A-Za-z0-9_]*)>|([imsU]*(?:-[imsU]+)?)([:)])))?")
_REPEAT = re.compile(r"(?:[*+?]|\{(\d{1,4})(?:,(\d{0,4}))?\})\??")
_HEX = re.compile(r"x(?:([0-9A-Fa-f]{2})|\{([0-9A-Fa-f]{1,6})\})")
_MOST_REPEATS = 1000
_MOST = 4096
_SURROGATES = range(0xD800, 0xE000)


def check_pattern(pattern: str) -> None:
    """That a pattern can be matched at all. Raises UnverifiableError."""
    _compiled(pattern)


def matches(pattern: str, text: str) -> bool:
    """Whether a part of a text matches, as Go's `MatchString`. Raises UnverifiableError."""
    try:
        _compiled(pattern).validate_python(text)
    except ValidationError:
        return False
    return True


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> TypeAdapter[str]:
    try:
        written = _Translation(pattern).written()
        constraint = StringConstraints(pattern=written)
        return TypeAdapter(Annotated[str, constraint], config=ConfigDict(regex_engine="rust-regex"))
    except (SchemaError, PydanticUserError, UnicodeError) as error:
        raise _refused(pattern, "it is wrong, or too large") from error


class _Translation:
    """Reads a pattern from left to right."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0

    def written(self) -> str:
        """The pattern for Rust. Raises UnverifiableError."""
        if len(self._pattern) > _MOST:
            raise self._wrong(f"expected at most {_MOST} characters")
        parts: list[str] = []
        repeatable = False
        while self._at < len(self._pattern):
            repeat = _REPEAT.match(self._pattern, self._at)
            if repeat:
                parts.append(self._repeat(repeat, repeatable=repeatable))
                repeatable = False
            else:
                part, repeatable = self._atom()
                parts.append(part)
        return "".join(parts)

    def _atom(self) -> tuple[str, bool]:
        """The next token, and whether it may be repeated."""
        character = self._pattern[self._at]
        match character:
            case "(":
                return self._group()
            case "[":
                return self._class(), True
            case "\\":
                return self._escape()
            case "." | ")":
                self._at += 1
                return character, True
            case "|" | "^" | "$":
                self._at += 1
                return character, False
            case _:
                self._at += 1
                return _literal(ord(character)), True

    def _group(self) -> tuple[str, bool]:
        found = _GROUP.match(self._pattern, self._at)
        if found is None or found[0] == "(?)" or (found[0] == "(" and self._pattern[self._at :][1:2] == "?"):
            raise self._wrong(f"{self._pattern[self._at : self._at + 4]} is no group of Go's")
        self._at = found.end()
        if found[3] is None:
            return "(?:", False
        return f"(?{found[2]}{found[3]}", False

    def _repeat(self, found: re.Match[str], *, repeatable: bool) -> str:
        counts = [int(each) for each in found.groups() if each]
        if not repeatable or any(count > _MOST_REPEATS for count in counts):
            raise self._wrong(f"nothing that may be repeated before {found[0]}")
        if counts != sorted(counts):
            raise self._wrong(f"{found[0]} repeats backwards")
        self._at = found.end()
        return found[0]

    def _escape(self) -> tuple[str, bool]:
        """Outside of a class."""
        name = self._pattern[self._at + 1 : self._at + 2]
        if name == "Q":
            end = self._pattern.find(r"\E", self._at + 2)
            end = len(self._pattern) if end < 0 else end
            text, self._at = self._pattern[self._at + 2 : end], end + 2
            return "".join(_literal(ord(each)) for each in text), bool(text)
        if name in ("A", "z", "b"):
            self._at += 2
            return (r"(?-u:\b)" if name == "b" else f"\\{name}"), False
        if name.lower() in _PERL:
            self._at += 2
            return _perl(name), True
        return _literal(self._code()), True

    def _code(self) -> int:
        """The one character that an escape stands for."""
        name = self._pattern[self._at + 1 : self._at + 2]
        found = _HEX.match(self._pattern, self._at + 1)
        if found:
            code = int(found[1] or found[2], 16)
            self._at = found.end()
        elif name in _CONTROLS:
            code = _CONTROLS[name]
            self._at += 2
        elif name.isascii() and name.isprintable() and not name.isalnum() and name not in ("", "_"):
            code = ord(name)
            self._at += 2
        else:
            raise self._wrong(rf"\{name} is not read")
        if code > sys.maxunicode or code in _SURROGATES:
            raise self._wrong("an escape stands for no character")
        return code

    def _class(self) -> str:
        """`[...]`, which has operators in Rust: so every character is written as a code."""
        self._at += 1
        negated = self._pattern.startswith("^", self._at)
        self._at += negated
        parts: list[str] = []
        while not self._pattern.startswith("]", self._at) or not parts:
            if self._at >= len(self._pattern):
                raise self._wrong("missing ]")
            posix = _POSIX.match(self._pattern, self._at)
            name = self._pattern[self._at + 1 : self._at + 2]
            if posix:
                parts.append(posix[0])
                self._at = posix.end()
            elif self._pattern.startswith("[:", self._at):
                raise self._wrong("[: begins no class that Go has")
            elif self._pattern[self._at] == "\\" and name and name.lower() in _PERL:
                parts.append(_perl(name))
                self._at += 2
            else:
                parts.append(self._range(first=not parts))
        self._at += 1
        return f"[{'^' if negated else ''}{''.join(parts)}]"

    def _range(self, *, first: bool) -> str:
        if self._pattern[self._at] == "-" and not first and not self._pattern.startswith("-]", self._at):
            raise self._wrong("a - in a class that is neither first nor last")
        low = self._in_class()
        if not self._pattern.startswith("-", self._at) or self._pattern.startswith("-]", self._at):
            return _literal(low)
        self._at += 1
        if self._at >= len(self._pattern):
            raise self._wrong("missing ]")
        high = self._in_class()
        if high < low:
            raise self._wrong("a range in a class goes backwards")
        return f"{_literal(low)}-{_literal(high)}"

    def _in_class(self) -> int:
        if self._pattern[self._at] == "\\":
            return self._code()
        self._at += 1
        return ord(self._pattern[self._at - 1])

    def _wrong(self, reason: str) -> UnverifiableError:
        return _refused(self._pattern, reason)


def _perl(name: str) -> str:
    return f"[{'^' if name.isupper() else ''}{_PERL[name.lower()]}]"


def _literal(code: int) -> str:
    return rf"\x{{{code:x}}}"


def _refused(pattern: str, reason: str) -> UnverifiableError:
    return UnverifiableError(f"the regular expression {clip(pattern, 80)} is not read: {reason}")

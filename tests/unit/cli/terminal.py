"""A terminal to write to in tests, and what a reader of it sees."""

import io
import re


class Terminal(io.StringIO):
    """A text stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


_STYLE = re.compile(r"\x1b\[[0-9;]*m")


def without_styles(text: str) -> str:
    """The text less the escape sequences that set colours and weight, the only ones rich writes here."""
    return _STYLE.sub("", text)

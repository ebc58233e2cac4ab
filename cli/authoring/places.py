"""Where the lines of a policy's text are in the policy's file."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TextPlace:
    """A policy's text and the line of the file that its first line is on; 0 where it is no block there."""

    lines: tuple[str, ...]
    first: int

    def line(self, number: int) -> int:
        """The line of the file for one of the text; 0 where unknown."""
        return self.first + number - 1 if self.first and number else 0

    def source(self, number: int) -> str:
        """A line of the text."""
        return self.lines[number - 1].strip() if 0 < number <= len(self.lines) else ""


def locate(text: str, file_lines: Sequence[str], start: int) -> TextPlace:
    """Find a text that stands in a file as it is, indented: a block scalar (`data: |`).

    `start`: the first line, from 1, to look at. JSON and quoted text have no lines of their own.
    """
    lines = tuple(text.splitlines())
    if not lines:
        return TextPlace(lines, 0)
    wanted = [line.strip() for line in lines]
    there = [line.strip() for line in file_lines]
    for at in range(start - 1, len(there) - len(wanted) + 1):
        if there[at : at + len(wanted)] == wanted:
            return TextPlace(lines, at + 1)
    return TextPlace(lines, 0)

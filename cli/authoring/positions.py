"""From a field, or a place in a policy's text, to a line and column of the file. Pure.

Exact for block scalars (`data: |`), also indented or folded where a line of the text is
a line of the file, and for strings on one line (JSON, unless it spells characters as
surrogates, which YAML does not have). Everything else falls back to where the field
stands, and from there to where the object starts.
"""

import re
from dataclasses import dataclass
from typing import Self

import yaml

from watcher.documents import Place

_BREAK = re.compile(r"\r\n|[\n\r\x85\u2028\u2029]")
_MARKER = re.compile(r"(?:---|\.\.\.)(?:\s|$)")
_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")
_ESCAPE = re.compile(r"\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)")
_TEXT = "spec.policy.data"


@dataclass(frozen=True, slots=True)
class Spot:
    """A line and column of a file, from 1. Not `exact`: near, where the field or the object stands."""

    line: int
    column: int
    exact: bool = True


def lines_of(content: str) -> tuple[str, ...]:
    """The lines of a file's text as YAML counts them."""
    return tuple(_BREAK.split(content.removeprefix("\ufeff")))


@dataclass(frozen=True, slots=True)
class Positions:
    """Where the parts of one object are."""

    lines: tuple[str, ...]
    first_line: int
    """Of the document in the file, from 0."""
    start: Spot
    root: yaml.Node | None

    @classmethod
    def find(cls, lines: tuple[str, ...], place: Place) -> Self:
        """The object at a place of a file. Raises nothing: what cannot be found has no parts."""
        start = Spot(place.line, 1)
        at = min(place.line - 1, len(lines) - 1)
        first = next((index for index in range(at, -1, -1) if _MARKER.match(lines[index])), 0)
        last = next((index for index in range(at + 1, len(lines)) if _MARKER.match(lines[index])), len(lines))
        try:
            root = yaml.compose("\n".join(lines[first:last]), yaml.CSafeLoader)
        except (yaml.YAMLError, RecursionError):
            root = None
        if place.item is not None and root is not None:
            root = _value(_value(root, "items"), place.item)
        return cls(lines, first, start, root)

    def of_field(self, path: str) -> Spot:
        """Where a field is named; where it is not there, the nearest thing around it."""
        node, spot = self.root, self.start
        for name, index in _STEP.findall(path):
            if node is None:
                return spot
            key: str | int = int(index) if index else name
            marked = _key(node, key)
            if marked is None:
                return spot
            spot = self._spot(marked)
            node = _value(node, key)
        return spot

    def of_text(self, line: int, column: int) -> Spot:
        """Where a character of the policy's text is."""
        node = self.root
        for name in _TEXT.split("."):
            node = _value(node, name)
        near = self.of_field(_TEXT)
        near = Spot(near.line, near.column, exact=False)
        if not isinstance(node, yaml.ScalarNode):
            return near
        found = None
        if node.style in {"|", ">"}:
            found = self._in_block(node, line, column)
        elif node.start_mark.line == node.end_mark.line:
            found = self._on_one_line(node, line, column)
        return found or near

    def _in_block(self, node: yaml.ScalarNode, line: int, column: int) -> Spot | None:
        """A line of the text is a line of the file behind some blanks, or there is no telling."""
        texts = node.value.split("\n")
        if line > len(texts):
            return None
        at = self.first_line + node.start_mark.line + line
        if at >= len(self.lines):
            return None
        written, text = self.lines[at], texts[line - 1]
        if text and not written.endswith(text):
            return None
        return Spot(at + 1, len(written) - len(text) + column)

    def _on_one_line(self, node: yaml.ScalarNode, line: int, column: int) -> Spot | None:
        at = self.first_line + node.start_mark.line
        first, last = node.start_mark.column, node.end_mark.column
        written = self.lines[at][first:last]
        offset = sum(len(text) + 1 for text in node.value.split("\n")[: line - 1]) + column - 1
        index = _written_index(written, offset, node.style)
        return None if index is None else Spot(at + 1, first + index + 1)

    def _spot(self, node: yaml.Node) -> Spot:
        return Spot(self.first_line + node.start_mark.line + 1, node.start_mark.column + 1)


def _written_index(written: str, offset: int, style: str | None) -> int | None:
    """Where the character of a string is among the characters that it was written with."""
    index = 1 if style in {"'", '"'} else 0
    for _ in range(offset):
        if index >= len(written):
            return None
        if style == '"' and written[index] == "\\":
            match = _ESCAPE.match(written, index)
            index = match.end() if match else index + 1
        elif style == "'" and written.startswith("''", index):
            index += 2
        else:
            index += 1
    return index


def _key(node: yaml.Node, key: str | int) -> yaml.Node | None:
    """What names a part: the key of a map, the item itself of a list."""
    if isinstance(key, str) and isinstance(node, yaml.MappingNode):
        return next((name for name, _ in node.value if name.value == key), None)
    return _value(node, key)


def _value(node: yaml.Node | None, key: str | int) -> yaml.Node | None:
    if isinstance(node, yaml.MappingNode) and isinstance(key, str):
        return next((value for name, value in node.value if name.value == key), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
        found: yaml.Node = node.value[key]
        return found
    return None

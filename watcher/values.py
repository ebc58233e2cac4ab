"""Documents to values: the plain dicts, lists, strings and numbers of JSON."""

import json
import re
from typing import Any

import msgspec

from pipeline.errors import clip
from watcher import yaml
from watcher.documents import ContentError, Document, Syntax
from watcher.yaml_reference import MAX_DEPTH

_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"(\s*:)?', re.DOTALL)
_AT_BYTE = re.compile(r" \(byte (\d+)\)$")
_KEY_LIMIT = 60


def decode(document: Document) -> Any:
    """The value of a document; None where it is empty. Raises ContentError."""
    first_line = document.place.line
    try:
        text = document.text.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _not_utf8(document.text, error.start, first_line) from None
    if document.syntax is not Syntax.YAML:
        try:
            return _decode_json(document.text, first_line)
        except ContentError:
            if document.syntax is Syntax.JSON:
                raise
    value = yaml.parse(text, first_line)
    if document.place.item is not None and document.syntax is Syntax.YAML:
        return value[0]  # an item is cut out with its dash: a list of one
    return value


def _not_utf8(text: bytes, at: int, first_line: int) -> ContentError:
    line = first_line + text.count(b"\n", 0, at)
    column = at - text.rfind(b"\n", 0, at)
    return ContentError(line, f"not UTF-8: byte {column} of this line is 0x{text[at]:02x}")


def _decode_json(text: bytes, first_line: int) -> Any:
    try:
        value = msgspec.json.decode(text)
    except msgspec.MsgspecError as error:
        found = _AT_BYTE.search(str(error))
        at = int(found[1]) if found else len(text)
        message = clip(_AT_BYTE.sub("", str(error)))
        raise ContentError(first_line + text.count(b"\n", 0, at), message) from None
    except RecursionError:
        raise ContentError(first_line, f"nested deeper than {MAX_DEPTH} levels") from None
    keys, depth = _measure(value)
    if depth > MAX_DEPTH:
        raise ContentError(first_line, f"nested deeper than {MAX_DEPTH} levels")
    if keys != sum(1 for colon in _STRING.findall(text) if colon):
        raise ContentError(first_line, f"key {_repeated_key(text)!r} stands twice in one object")
    return value


def _measure(value: Any) -> tuple[int, int]:
    """How many keys all objects in a value have, and how deep it is."""
    keys = depth = 0
    level = [value]
    while level:
        inner: list[Any] = []
        for container in level:
            if isinstance(container, dict):
                keys += len(container)
                inner.extend(container.values())
            elif isinstance(container, list):
                inner.extend(container)
        level = [child for child in inner if isinstance(child, dict | list)]
        depth += 1
    return keys, depth


def _repeated_key(text: bytes) -> str:
    """The first key that stands twice; slow, for the message only."""
    repeated: list[str] = []

    def note(pairs: list[tuple[str, Any]]) -> None:
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                repeated.append(key)
            seen.add(key)

    json.loads(text, object_pairs_hook=note)
    return clip(repeated[0], _KEY_LIMIT) if repeated else ""

"""Whether whoever reads events by an earlier AsyncAPI document can read those of a later one. Pure.

Messages and fields may be added; readers pass over what they do not know. Nothing that
was promised may go: a message, a field, that a field is always there, its type, what it
can be. `GROWING` names the sets of words that may gain some.
"""

from collections.abc import Iterator
from typing import Any

GROWING = frozenset({"Withdrawal"})
"""Titles of enumerations of which readers are told to expect more words."""

_SAME = ("const", "format", "pattern", "minLength")

Document = dict[str, Any]


def breaks(earlier: Document, later: Document) -> list[str]:
    """What a reader of the earlier document would trip over, each as a path and what is wrong there."""
    return list(_breaks(earlier, later))


def _breaks(earlier: Document, later: Document) -> Iterator[str]:
    for name, channel in earlier["channels"].items():
        if later["channels"].get(name, {}).get("address", "") != channel["address"]:
            yield f"channels/{name}: gone, or elsewhere"
        gone = set(channel["messages"]) - set(later["channels"].get(name, {}).get("messages", {}))
        yield from (f"channels/{name}/{message}: gone" for message in sorted(gone))
    for name, message in earlier["components"]["messages"].items():
        now = later["components"]["messages"].get(name)
        if now is None:
            yield f"{name}: gone"
            continue
        for part in ("name", "contentType"):
            if message.get(part) != now.get(part):
                yield f"{name}/{part}: {now.get(part)}, was {message.get(part)}"
        for part in ("headers", "payload"):
            if part in message:
                yield from _Comparison(earlier, later).compare(
                    message[part], now.get(part, {}), f"{name}/{part}"
                )


class _Comparison:
    """Of two schemas in their documents; a pair of references is looked into once."""

    def __init__(self, earlier: Document, later: Document) -> None:
        self._earlier, self._later = earlier, later
        self._seen: set[tuple[str, str]] = set()

    def compare(self, was: Document, now: Document, path: str) -> Iterator[str]:
        references = (was.get("$ref", ""), now.get("$ref", ""))
        if all(references):
            if references in self._seen:
                return
            self._seen.add(references)
        was, now = _followed(was, self._earlier), _followed(now, self._later)
        if "anyOf" in was or "anyOf" in now:
            yield from self._alternatives(was, now, path)
            return
        if "type" in was and was["type"] != now.get("type"):
            yield f"{path}: {now.get('type')}, was {was['type']}"
        for word in _SAME:
            if word in was and was[word] != now.get(word):
                yield f"{path}: {word} {now.get(word)}, was {was[word]}"
        yield from self._words(was, now, path)
        yield from self._fields(was, now, path)
        if "items" in was:
            yield from self.compare(was["items"], now.get("items", {}), f"{path}[]")
        if isinstance(was.get("additionalProperties"), dict):
            yield from self.compare(
                was["additionalProperties"], now.get("additionalProperties", {}), f"{path}/*"
            )

    def _alternatives(self, was: Document, now: Document, path: str) -> Iterator[str]:
        """Each thing that it can be now is one that it could be."""
        before = was.get("anyOf", [was])
        for each in now.get("anyOf", [now]):
            if all(list(_Comparison(self._earlier, self._later).compare(old, each, path)) for old in before):
                yield f"{path}: may be {each.get('$ref') or each.get('type')}"

    def _words(self, was: Document, now: Document, path: str) -> Iterator[str]:
        if "enum" not in was:
            return
        words, before = set(now.get("enum", [])), set(was["enum"])
        if not words or (words - before and was.get("title") not in GROWING):
            yield f"{path}: may be {sorted(words - before)}"

    def _fields(self, was: Document, now: Document, path: str) -> Iterator[str]:
        fields = now.get("properties", {})
        for name, field in was.get("properties", {}).items():
            if name not in fields:
                yield f"{path}/{name}: gone"
            else:
                yield from self.compare(field, fields[name], f"{path}/{name}")
        for name in sorted(set(was.get("required", [])) - set(now.get("required", []))):
            yield f"{path}/{name}: not always there"


def _followed(schema: Document, document: Document) -> Document:
    if reference := schema.get("$ref"):
        found: Document = document["components"]["schemas"][reference.rpartition("/")[2]]
        return found
    return schema

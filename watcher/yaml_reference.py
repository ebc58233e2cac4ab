"""YAML text to values, event by event: the reference that the fast path must equal.

PyYAML's C parser (libyaml, which go-yaml v2 is a translation of) gives the
events; the meaning is go-yaml v2's `decode.go` in kubectl's use: merge keys take
effect where they stand, an anchor names the last node of that name, aliases are
counted so that a small document cannot become a huge object. The one difference:
a key that stands twice is an error, as with `kubectl --validate=strict`.

There is no recursion here: depth costs memory, not the interpreter's stack.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NoReturn, Protocol

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from pipeline.errors import clip
from watcher.documents import ContentError
from watcher.yaml_scalars import ScalarError, json_number, key_text, resolve, resolve_tagged

MAX_DEPTH = 200
"""Maps and lists inside each other; Kubernetes' own types stay below 20, JSON schemas in CRDs below 60."""

_KEY_LIMIT = 60
_MERGE = "<<"
_MERGE_TAG = "tag:yaml.org,2002:merge"
_ABSENT = object()
# decode.go: up to 400,000 nodes 99 % may come from aliases, from 4,000,000 on 10 %
_RATIO_FROM, _RATIO_TO = 400_000, 4_000_000
_RATIO_HIGH, _RATIO_LOW = 0.99, 0.10
_FREE_ALIASED, _FREE_NODES = 100, 1_000


class _Mark(Protocol):
    line: int


@dataclass(slots=True)
class _Frame:
    """A map or list that is being read. `key`: the map's key that waits for its value."""

    value: Any
    line: int
    anchor: str | None
    nodes_before: int
    key: Any = _ABSENT
    merging: bool = False
    own_keys: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Anchored:
    value: Any
    nodes: int


class _Builder:
    """Takes events, holds the open maps and lists."""

    def __init__(self, first_line: int) -> None:
        self._first_line = first_line
        self._open: list[_Frame] = []
        self._anchors: dict[str, _Anchored] = {}
        self._nodes = 0
        self._aliased = 0
        self.documents = 0
        self.result: Any = None

    def fail(self, line: int, message: str) -> NoReturn:
        """Raise ContentError; `line` counts from 0 in the document."""
        raise ContentError(self._first_line + line, message)

    def scalar(self, event: ScalarEvent) -> None:
        """A scalar: its value by its tag, its quotes, or its looks."""
        line = _line(event.start_mark)
        text: str = event.value
        frame = self._open[-1] if self._open else None
        is_key = frame is not None and frame.key is _ABSENT and isinstance(frame.value, dict)
        self._nodes += 1
        if is_key and text == _MERGE and (event.tag == _MERGE_TAG or (not event.tag and event.implicit[0])):
            self._start_merge(frame)
            return
        try:
            if event.tag:
                value = resolve_tagged(event.tag, text)
            else:
                value = resolve(text) if event.implicit[0] else text
            if type(value) is float and not is_key:
                value = json_number(value)
        except ScalarError as error:
            self.fail(line, str(error))
        if event.anchor:
            self._anchors[event.anchor] = _Anchored(value, 1)
        self._put(value, line)

    @staticmethod
    def _start_merge(frame: _Frame | None) -> None:
        if frame is not None:
            frame.key, frame.merging = _MERGE, True

    def alias(self, event: AliasEvent) -> None:
        """The node an anchor named, once more; shared, not copied."""
        line, name = _line(event.start_mark), event.anchor or ""
        anchored = self._anchors.get(name)
        if anchored is None:
            if any(frame.anchor == name for frame in self._open):
                self.fail(line, f"anchor {clip(name, _KEY_LIMIT)!r} contains itself")
            self.fail(line, f"alias of an unknown anchor {clip(name, _KEY_LIMIT)!r}")
        self._nodes += 1 + anchored.nodes
        self._aliased += anchored.nodes
        if self._aliased > _FREE_ALIASED and self._nodes > _FREE_NODES:
            share = min(max((self._nodes - _RATIO_FROM) / (_RATIO_TO - _RATIO_FROM), 0), 1)
            if self._aliased / self._nodes > _RATIO_HIGH - share * (_RATIO_HIGH - _RATIO_LOW):
                self.fail(line, "excessive aliasing: the aliases expand to far more than is written")
        self._put(anchored.value, line)

    def start(self, event: NodeEvent, value: Any) -> None:
        """A map or a list begins."""
        line = _line(event.start_mark)
        if len(self._open) >= MAX_DEPTH:
            self.fail(line, f"nested deeper than {MAX_DEPTH} levels")
        if event.anchor:
            self._anchors.pop(event.anchor, None)
        self._open.append(_Frame(value, line, event.anchor, self._nodes))
        self._nodes += 1

    def end(self) -> None:
        """The innermost map or list is complete."""
        frame = self._open.pop()
        if frame.anchor:
            self._anchors[frame.anchor] = _Anchored(frame.value, self._nodes - frame.nodes_before)
        self._put(frame.value, frame.line)

    def _put(self, value: Any, line: int) -> None:
        """A complete value goes where it belongs."""
        if not self._open:
            self.result = value
            return
        frame = self._open[-1]
        target = frame.value
        if isinstance(target, list):
            target.append(value)
        elif frame.key is _ABSENT:
            frame.key = self._key(value, line)
            if frame.key in frame.own_keys:
                self.fail(line, f"key {clip(frame.key, _KEY_LIMIT)!r} stands twice in one map")
            frame.own_keys.add(frame.key)
        else:
            if frame.merging:
                self._merge(target, value, line)
            else:
                target[frame.key] = value
            frame.key, frame.merging = _ABSENT, False

    def _key(self, value: Any, line: int) -> str:
        try:
            return key_text(value)
        except ScalarError as error:
            self.fail(line, str(error))

    def _merge(self, target: dict[str, Any], value: Any, line: int) -> None:
        """`<<`: a map, or a list of maps of which the first wins."""
        sources = value if isinstance(value, list) else [value]
        if not all(isinstance(source, dict) for source in sources):
            self.fail(line, "<< takes a map or a list of maps")
        for source in reversed(sources):
            target.update(source)


def parse_reference(text: str, first_line: int = 1) -> Any:
    """The one document in `text`, as JSON values; None where it is empty. Raises ContentError.

    `first_line`: the file's line that `text` starts on.
    """
    parser = yaml.CSafeLoader(text)
    builder = _Builder(first_line)
    handlers: dict[type, Callable[[Any], None]] = {
        ScalarEvent: builder.scalar,
        AliasEvent: builder.alias,
        MappingStartEvent: lambda event: builder.start(event, {}),
        SequenceStartEvent: lambda event: builder.start(event, []),
        MappingEndEvent: lambda _: builder.end(),
        SequenceEndEvent: lambda _: builder.end(),
    }
    try:
        while not isinstance(event := parser.get_event(), StreamEndEvent):
            handler = handlers.get(type(event))
            if handler is not None:
                handler(event)
            elif isinstance(event, DocumentStartEvent):
                builder.documents += 1
                if builder.documents > 1:
                    builder.fail(_line(event.start_mark), "a second document without a line `---` before it")
    except yaml.MarkedYAMLError as error:
        raise _syntax_error(error, first_line) from None
    except yaml.reader.ReaderError as error:
        line = first_line + text.count("\n", 0, error.position)
        raise ContentError(line, f"the character U+{error.character:04X} is not allowed") from None
    except yaml.YAMLError as error:
        raise ContentError(first_line, clip(str(error))) from None
    finally:
        parser.dispose()
    return builder.result


def _syntax_error(error: yaml.MarkedYAMLError, first_line: int) -> ContentError:
    """Libyaml's complaint, with the lines of the file."""
    mark = error.problem_mark or error.context_mark
    line = first_line + (mark.line if mark else 0)
    message = clip(error.problem or "not YAML")
    if error.context:
        message += f", {clip(error.context)}"
        if error.context_mark and first_line + error.context_mark.line != line:
            message += f" that starts on line {first_line + error.context_mark.line}"
    return ContentError(line, message)


def _line(mark: _Mark | None) -> int:
    """The line of a mark, from 0. libyaml marks everything; the annotation of the marks does not say so."""
    return mark.line if mark else 0

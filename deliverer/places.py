"""YAML with the lines of everything in it, so that a mistake can be shown where it is. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from pipeline.errors import UsageError, clip

Path = tuple[str | int, ...]


@dataclass(slots=True)
class Places:
    """Of one file."""

    file: str
    lines: dict[Path, int] = field(default_factory=dict)
    """From 1, of what is named at a path."""
    twice: list[Path] = field(default_factory=list)
    """Keys that a mapping has more than once: YAML forbids it, its parsers take the last."""

    def told(self, path: Path, problem: str) -> tuple[int, str]:
        """A line of the file, and one line to say of it."""
        known = path
        while known and known not in self.lines:
            known = known[:-1]
        line = self.lines.get(known, 1)
        return line, f"{self.file}:{line}: {_named(path)}{problem}"

    def problems(self) -> list[tuple[int, str]]:
        """What is wrong with the YAML itself."""
        return [self.told(path, "is there twice") for path in self.twice]


def _named(path: Path) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return f"{text.removeprefix('.')}: " if text else ""


def read_yaml(text: str, file: str) -> tuple[Any, Places]:
    """The content of one document, and where everything is. Raises UsageError."""
    places = Places(file)
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        raise UsageError(
            f"{file}:{line}: not YAML: {clip(getattr(error, 'problem', '') or str(error))}"
        ) from error
    except RecursionError as error:
        raise UsageError(f"{file}: nested too deeply") from error
    for path, line in _walk(root, (), places.twice):
        places.lines.setdefault(path, line)
    return content, places


def _walk(node: yaml.Node | None, path: Path, twice: list[Path]) -> Iterator[tuple[Path, int]]:
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            inner = (*path, str(key.value))
            if key.value in seen:
                twice.append(inner)
            seen.add(key.value)
            yield inner, key.start_mark.line + 1
            yield from _walk(value, inner, twice)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield (*path, index), value.start_mark.line + 1
            yield from _walk(value, (*path, index), twice)

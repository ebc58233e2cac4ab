"""Which parts of its input document a policy can read: paths, and how much of each. Pure.

A path is a tuple of steps: a key, or None for any element of a list or any value of
an object. What is not on a read set cannot change what the policy says.
"""

from collections.abc import Iterable, Mapping
from enum import IntEnum

Step = str | None
Path = tuple[Step, ...]


class Mode(IntEnum):
    """How much of a value is read. Each holds the one before; a scalar is always read whole."""

    SHAPE = 0
    """Whether it is there, and its type."""
    KEYS = 1
    """Its length, its keys and the shape of what is under them."""
    DEEP = 2
    """All of it."""


Read = tuple[Path, Mode]
ReadSet = tuple[Read, ...]
"""In order of path; none implies another."""

WHOLE: ReadSet = (((), Mode.DEEP),)
"""The whole document: always right, and what is said where nothing better is known."""

_NOTES: Mapping[Mode, str] = {Mode.SHAPE: "", Mode.KEYS: " (keys)", Mode.DEEP: " (all of it)"}


def normal(reads: Mapping[Path, Mode]) -> ReadSet:
    """The read set, without what follows from the rest of it."""
    kept = {path: mode for path, mode in reads.items() if not _below_deep(path, reads)}
    parents = {path[:end] for path in kept for end in range(len(path))}
    wide = {path[:-1] for path in (*kept, *parents) if path and path[-1] is None}
    return tuple(
        sorted(
            (
                (path, mode)
                for path, mode in kept.items()
                if not (mode is Mode.SHAPE and path in parents) and not (mode is Mode.KEYS and path in wide)
            ),
            key=lambda read: [(step is None, step or "") for step in read[0]],
        )
    )


def union(sets: Iterable[ReadSet]) -> ReadSet:
    """What any of several policies can read."""
    reads: dict[Path, Mode] = {}
    for read_set in sets:
        for path, mode in read_set:
            reads[path] = max(mode, reads.get(path, Mode.SHAPE))
    return normal(reads)


def describe(reads: ReadSet) -> tuple[str, ...]:
    """The paths as Rego writes them; of a list or an object that is named so, its type is read."""
    return tuple(_text(path) + _NOTES[mode] for path, mode in reads)


def _below_deep(path: Path, reads: Mapping[Path, Mode]) -> bool:
    return any(reads.get(path[:end]) is Mode.DEEP for end in range(len(path)))


def _text(path: Path) -> str:
    text = "input"
    for step in path:
        if step is None:
            text += "[_]"
        elif step.isidentifier() and step.isascii():
            text += f".{step}"
        else:
            quoted = step.replace("\\", "\\\\").replace('"', '\\"')
            text += f'["{quoted}"]'
    return text

"""Paths of the input document, and what stands there. Pure.

A path is the steps from `input`: names of fields, `ITEM` for any item of a list or
map, `ONE` for an item that the policy names by its number.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from evaluator.lint.kinds import MATCHES, WORKLOADS, fields_of
from evaluator.policies.model import MatchRule

Path = tuple[str, ...]

ITEM = "[_]"
ONE = "[0]"
_ITEMS = (ITEM, ONE)

FLAGS = {
    "spec": "includeSpec",
    "metadata": "includeObjectMeta",
    "typemeta": "includeTypeMeta",
    "config": "fetchConfigFile",
}
"""What a policy may read -> the field that asks for it."""

ROOTS = ("authorityMatches", *FLAGS)


@dataclass(frozen=True, slots=True)
class Missing:
    """A path ends early: `path` is as far as it goes, `step` what is not there."""

    path: Path
    step: str
    type: str
    """Type of what is at `path`."""


def kinds_of(match: Iterable[MatchRule]) -> tuple[str, ...]:
    """The kinds a policy is about; all of them without a match, or with one that names none."""
    matched = {rule.resource for rule in match} & set(WORKLOADS)
    return tuple(kind for plural, kind in WORKLOADS.items() if plural in matched or not matched)


def type_at(path: Path, kind: str) -> str | Missing:
    """The type of what stands at a path of a document of that kind."""
    if not path:
        return "any"
    match path[0]:
        case "spec":
            type_ = kind
        case "metadata":
            type_ = "Meta"
        case "typemeta":
            type_ = "Type"
        case "config":
            type_ = "{}ImageConfig"
        case "authorityMatches":
            type_ = MATCHES
        case _:
            return Missing((), path[0], "document")
    for depth, step in enumerate(path[1:], start=1):
        following = _step(type_, step)
        if following is None:
            return Missing(path[:depth], step, type_)
        type_ = following
    return type_


def _step(type_: str, step: str) -> str | None:
    """The type behind one step; None where there can be nothing."""
    if type_ == "any":
        return "any"
    if type_.startswith("[]"):
        return type_[2:] if step in _ITEMS else None
    if type_.startswith("{}"):
        return type_[2:] if step != ONE else None
    fields = fields_of(type_)
    if not fields:
        return None
    return "any" if step == ITEM else fields.get(step)


def types_at(path: Path, kinds: Iterable[str]) -> Iterator[str]:
    """The types at a path in documents of these kinds, where there is anything."""
    for kind in kinds:
        found = type_at(path, kind)
        if isinstance(found, str):
            yield found


def only_type(path: Path, kinds: Iterable[str]) -> str:
    """The type at a path, where all these kinds agree; `any` where not."""
    found = set(types_at(path, kinds))
    return found.pop() if len(found) == 1 else "any"


def is_collection(path: Path, kinds: Iterable[str]) -> bool:
    """Whether a list, or the map of an image's platforms, stands at a path."""
    return path == ("config",) or only_type(path, kinds).startswith("[]")


def shown(path: Path) -> str:
    """A path as a policy writes it."""
    text = "input"
    for step in path:
        if step in _ITEMS:
            text += step
        elif step.replace("_", "a").isalnum() and step.isascii() and not step[0].isdigit():
            text += f".{step}"
        else:
            text += f'["{step}"]'
    return text

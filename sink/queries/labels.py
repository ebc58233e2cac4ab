"""Label selectors as kubectl's `-l` takes them: `app=web,tier!=db,env in (a,b),key,!key`. Pure: builds SQL.

Source: Kubernetes apimachinery, `labels.Parse`: all requirements must hold, and what must not be a value
may also be missing. `gt` and `lt` are for nodes, and refused.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, or_, select

from pipeline.errors import UsageError, clip
from sink.tables import resources

_KEY = r"(?:[a-z0-9.-]{1,253}/)?[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?"
_VALUE = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?")
_COMMA = re.compile(r",(?![^()]*\))")
_REQUIREMENT = re.compile(
    rf"\s*(?:(?P<equal>{_KEY})\s*(?P<operator>==|=|!=)(?P<value>[^=!()]*)"
    rf"|(?P<among>{_KEY})\s+(?P<word>in|notin)\s*\((?P<values>[^()]*)\)"
    rf"|(?P<absent>!?)\s*(?P<exists>{_KEY}))\s*"
)


@dataclass(frozen=True, slots=True)
class Requirement:
    """A label that is there or, `negated`, is not; with `values`: that has one of them, or has none."""

    key: str
    values: frozenset[str] | None = None
    negated: bool = False


def selector(given: Iterable[str]) -> tuple[Requirement, ...]:
    """What was given, taken apart. Raises UsageError for what is no selector."""
    parts = (part for each in given if each.strip() for part in _COMMA.split(each))
    return tuple(map(_requirement, parts))


def _requirement(text: str) -> Requirement:
    match = _REQUIREMENT.fullmatch(text)
    if match is None:
        raise _wrong(text)
    if key := match["equal"]:
        return Requirement(key, _values(text, [match["value"]]), match["operator"] == "!=")
    if key := match["among"]:
        return Requirement(key, _values(text, match["values"].split(",")), match["word"] == "notin")
    return Requirement(match["exists"], None, bool(match["absent"]))


def _values(text: str, written: Iterable[str]) -> frozenset[str]:
    values = frozenset(map(str.strip, written))
    if any(_VALUE.fullmatch(value) is None for value in values):
        raise _wrong(text)
    return values


def _wrong(text: str) -> UsageError:
    examples = "app=web, tier!=db, 'env in (a,b)', 'env notin (a,b)', key or !key"
    return UsageError(f"label selector {clip(text.strip())!r}: expected something like {examples}")


def labelled(key: ColumnElement[str], wanted: Iterable[Requirement]) -> Iterator[ColumnElement[bool]]:
    """Of resources with these labels; those that an older release wrote last have none here."""
    meets = [*map(_meets, wanted)]
    if meets:
        yield key.in_(select(resources.c.key).where(*meets))


def _meets(requirement: Requirement) -> ColumnElement[bool]:
    label: ColumnElement[Any] = resources.c.labels[requirement.key].as_string()
    if requirement.values is None:
        return label.is_(None) if requirement.negated else label.is_not(None)
    if requirement.negated:
        return or_(label.is_(None), label.not_in(requirement.values))
    return label.in_(requirement.values)

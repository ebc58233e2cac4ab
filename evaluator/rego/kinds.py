"""Kinds of values that are known before a policy runs: enough of OPA's type checker for its errors.

OPA refuses a policy that compares a number with a string or calls `startswith`
with a count. What the built-ins take and give is in `signatures.json`, written
from OPA's own list by `python -m tests.conformance.report`. Pure but for that file.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("signatures.json")
_HOLDERS = frozenset({"array", "object", "set"})


@dataclass(frozen=True, slots=True)
class Kind:
    """Kinds a value may be of (None: any), and its members where it has some."""

    kinds: frozenset[str] | None = None
    member: "Kind | None" = None

    def meets(self, other: "Kind") -> bool:
        """Whether one value may be of both."""
        if self.kinds is None or other.kinds is None:
            return True
        common = self.kinds & other.kinds
        if common & _HOLDERS and not common - _HOLDERS and self.member and other.member:
            return self.member.meets(other.member)
        return bool(common)

    @property
    def holds(self) -> bool:
        """Whether it may have members."""
        return self.kinds is None or bool(self.kinds & _HOLDERS)

    def inside(self) -> "Kind":
        """Its members."""
        return self.member or ANY


ANY = Kind()


def of(*kinds: str) -> Kind:
    """One of these kinds."""
    return Kind(frozenset(kinds))


def join(found: Iterable[Kind]) -> Kind:
    """One of several."""
    result: Kind | None = None
    for kind in found:
        if kind.kinds is None:
            return ANY
        if result is None:
            result = kind
        else:
            member = result.member if result.member == kind.member else None
            result = Kind((result.kinds or frozenset()) | kind.kinds, member)
    return result or ANY


@cache
def signature(name: str) -> tuple[tuple[Kind, ...], Kind] | None:
    """What a built-in takes and gives; None for one that OPA does not have."""
    found = _signatures().get(name)
    if found is None:
        return None
    arguments, result = found
    return tuple(_kind(argument) for argument in arguments), _kind(result)


@cache
def _signatures() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return found


def _kind(kinds: list[str] | None) -> Kind:
    return ANY if kinds is None or "any" in kinds else of(*kinds)

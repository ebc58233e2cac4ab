"""Reading a policy's fields: wrong types become problems, never exceptions.

Absent and null are the same, as they are for the API server's Go types. Each
field that is asked for is remembered, so that what is left is an unknown field:
Kubernetes prunes or ignores those, and so does Tocsin, but a linter may tell.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from evaluator.policies.describe import describe
from pipeline.errors import PolicyError, clip

_NAME_LIMIT = 80


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one field. `path` is as in `spec.images[0].glob`."""

    path: str
    reason: str

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


class InvalidPolicyError(PolicyError):
    """A policy is not valid; its text names every field that is wrong, and why."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("; ".join(map(str, problems)))
        self.problems = problems


@dataclass(slots=True)
class Findings:
    """What reading a policy brings to light, in the order of the fields."""

    problems: list[Problem] = field(default_factory=list)
    """Make the policy invalid."""
    warnings: list[Problem] = field(default_factory=list)
    """Valid, but hardly meant."""
    sections: list["Section"] = field(default_factory=list)
    mistyped: set[str] = field(default_factory=set)
    """Paths of fields with a wrong type: that is said once, and nothing else of them."""

    def unknown_fields(self) -> tuple[str, ...]:
        """Paths of fields that nobody asked for."""
        return tuple(path for section in self.sections for path in section.unknown_fields())


class Section:
    """One object of a policy, read field by field."""

    __slots__ = ("_asked", "_findings", "_path", "_values")

    def __init__(self, path: str, values: Mapping[str, Any], findings: Findings) -> None:
        self._path = path
        self._values = values
        self._findings = findings
        self._asked: set[str] = set()
        findings.sections.append(self)

    def path(self, name: str) -> str:
        """Path of a field; of this object itself when `name` is empty."""
        return ".".join(part for part in (self._path, clip(name, _NAME_LIMIT)) if part)

    def problem(self, name: str, reason: str) -> None:
        """Say that a field makes the policy invalid."""
        path = self.path(name)
        if path not in self._findings.mistyped:
            self._findings.problems.append(Problem(path, reason))

    def warning(self, name: str, reason: str) -> None:
        """Say that a field is valid, but hardly meant."""
        self._findings.warnings.append(Problem(self.path(name), reason))

    def has(self, name: str) -> bool:
        """Whether a field is there and not null."""
        return self.value(name) is not None

    def has_content(self, name: str) -> bool:
        """Whether a field is there and neither null nor an empty string or list; `{}` is content."""
        return self.value(name) not in (None, "", [])

    def value(self, name: str) -> Any:
        """A field as it is; None when absent."""
        self._asked.add(name)
        return self._values.get(name)

    def text(self, name: str) -> str:
        """A string; empty when absent or wrong."""
        value = self.value(name)
        if isinstance(value, str):
            return value
        if value is not None:
            self._wrong(name, "a string", value)
        return ""

    def flag(self, name: str) -> bool | None:
        """A boolean; None when absent or wrong."""
        value = self.value(name)
        if value is None or isinstance(value, bool):
            return value
        self._wrong(name, "a boolean", value)
        return None

    def section(self, name: str) -> "Section | None":
        """An object; None when absent or wrong."""
        value = self.value(name)
        if isinstance(value, dict):
            return Section(self.path(name), value, self._findings)
        if value is not None:
            self._wrong(name, "an object", value)
        return None

    def sections(self, name: str) -> "list[Section]":
        """A list of objects; empty when absent or wrong. A null item is an empty object, as in Go."""
        found = []
        for index, value in enumerate(self._items(name)):
            at = f"{name}[{index}]"
            if value is None or isinstance(value, dict):
                found.append(Section(self.path(at), value or {}, self._findings))
            else:
                self._wrong(at, "an object", value)
        return found

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of strings; empty when absent or wrong."""
        found = []
        for index, value in enumerate(self._items(name)):
            if value is None or isinstance(value, str):
                found.append(value or "")
            else:
                self._wrong(f"{name}[{index}]", "a string", value)
        return tuple(found)

    def text_map(self, name: str) -> dict[str, str]:
        """An object whose values are strings; empty when absent or wrong."""
        value = self.value(name)
        if value is None:
            return {}
        if not isinstance(value, dict):
            self._wrong(name, "an object of strings", value)
            return {}
        found = {}
        for key, item in value.items():
            if item is None or isinstance(item, str):
                found[key] = item or ""
            else:
                self._wrong(f"{name}[{clip(key, _NAME_LIMIT)}]", "a string", item)
        return found

    def unknown_fields(self) -> tuple[str, ...]:
        """Paths of this object's fields that nobody asked for."""
        return tuple(self.path(name) for name in self._values if name not in self._asked)

    def _items(self, name: str) -> list[Any]:
        value = self.value(name)
        if isinstance(value, list):
            return value
        if value is not None:
            self._wrong(name, "a list", value)
        return []

    def _wrong(self, name: str, expected: str, value: Any) -> None:
        self.problem(name, f"expected {expected}, got {describe(value)}")
        self._findings.mistyped.add(self.path(name))

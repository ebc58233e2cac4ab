"""LabelSelector: which labels it selects, and when it is no selector.

Source: Kubernetes apimachinery, `meta/v1.LabelSelectorAsSelector` and
`labels.NewRequirement`: all requirements must hold; `NotIn` also selects objects
without the label; an empty selector selects everything.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from evaluator.policies.describe import describe
from evaluator.policies.reading import Section

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")
_PREFIX = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*")
_PREFIX_LIMIT = 253


class Operator(StrEnum):
    """How a requirement compares."""

    IN = "In"
    NOT_IN = "NotIn"
    EXISTS = "Exists"
    DOES_NOT_EXIST = "DoesNotExist"


@dataclass(frozen=True, slots=True)
class Requirement:
    """What one label must be."""

    key: str
    operator: Operator
    values: frozenset[str] = frozenset()

    def selects(self, labels: Mapping[str, str]) -> bool:
        """Whether these labels meet the requirement."""
        match self.operator:
            case Operator.IN:
                return self.key in labels and labels[self.key] in self.values
            case Operator.NOT_IN:
                return self.key not in labels or labels[self.key] not in self.values
            case Operator.EXISTS:
                return self.key in labels
            case Operator.DOES_NOT_EXIST:
                return self.key not in labels
            case _:
                assert_never(self.operator)


@dataclass(frozen=True, slots=True)
class Selector:
    """All requirements of a LabelSelector."""

    requirements: tuple[Requirement, ...]

    def selects(self, labels: Mapping[str, str]) -> bool:
        """Whether these labels are selected."""
        return all(requirement.selects(labels) for requirement in self.requirements)


def parse_selector(section: Section) -> Selector:
    """Read a LabelSelector; what is wrong with it becomes problems of the section."""
    equals = [
        Requirement(key, Operator.IN, frozenset({value}))
        for key, value in section.text_map("matchLabels").items()
        if _valid_key(section, f"matchLabels[{key}]", key)
        and _valid_values(section, f"matchLabels[{key}]", (value,))
    ]
    expressions = [_parse_expression(item) for item in section.sections("matchExpressions")]
    return Selector((*equals, *(found for found in expressions if found is not None)))


def _parse_expression(section: Section) -> Requirement | None:
    key = section.text("key")
    written = section.text("operator")
    values = section.texts("values")
    valid = _valid_key(section, "key", key) and _valid_values(section, "values", values)
    if written not in set(Operator):
        section.problem("operator", f"expected {', '.join(Operator)}, got {describe(written)}")
        return None
    operator = Operator(written)
    if operator in {Operator.IN, Operator.NOT_IN} and not values:
        section.problem("values", f"expected at least one value for {operator}, got none")
    elif operator in {Operator.EXISTS, Operator.DOES_NOT_EXIST} and values:
        section.problem("values", f"expected no values for {operator}, got {len(values)}")
    return Requirement(key, operator, frozenset(values)) if valid else None


def _valid_key(section: Section, name: str, key: str) -> bool:
    prefix, slash, local = key.rpartition("/")
    well_formed = _NAME.fullmatch(local) is not None
    if slash:
        well_formed = well_formed and len(prefix) <= _PREFIX_LIMIT and _PREFIX.fullmatch(prefix) is not None
    if not well_formed:
        section.problem(name, f"expected a label key such as app or example.com/app, got {describe(key)}")
    return well_formed


def _valid_values(section: Section, name: str, values: tuple[str, ...]) -> bool:
    wrong = [value for value in values if value and _NAME.fullmatch(value) is None]
    for value in wrong:
        reason = f"expected a label value of at most 63 letters, digits, '-', '_', '.', got {describe(value)}"
        section.problem(name, reason)
    return not wrong

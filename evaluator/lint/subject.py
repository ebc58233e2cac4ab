"""What the checks look at: one policy's object and its text, worked out. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evaluator.lint.analysis import Analysis, Site
from evaluator.lint.document import FLAGS
from evaluator.lint.syntax import Call, Expr


@dataclass(frozen=True, slots=True)
class Subject:
    """A policy. `flags`: of `spec.policy`, those that are true."""

    analysis: Analysis
    flags: frozenset[str]

    def source(self, expr: Expr) -> str:
        """An expression as it is written, on one line."""
        text = self.analysis.module.text[expr.place.start : expr.place.end]
        return " ".join(text.split())

    def calls(self) -> list[tuple[Site, Call]]:
        """Every call of a built-in."""
        rules = self.analysis.rules.by_name
        return [
            (site, site.expr)
            for site in self.analysis.sites
            if isinstance(site.expr, Call) and site.expr.name not in rules
        ]


def flags_of(policy: Mapping[str, Any]) -> frozenset[str]:
    """The flags of `spec.policy` that are set."""
    return frozenset(name for name in FLAGS.values() if policy.get(name) is True)

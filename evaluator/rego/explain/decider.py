"""Which expression a plain `isCompliant` failed by, cheaply enough for every verdict of a scan.

The beginnings of each body are compiled once, as rules beside the policy's own;
for a document, the first that does not hold tells. No values, nothing below
`isCompliant`: `trace` has those. Where there is anything out of the ordinary it
says nothing, and it never raises: a verdict must not depend on it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from evaluator.rego.engine import PACKAGE, RULE, Because
from evaluator.rego.explain.outline import Body, Outline, RuleKind, names, outline
from pipeline.errors import clip

MAX_DOCUMENT = 64 * 1024
"""Bytes of a document that is looked at twice. Pods are below 10 KiB."""

MAX_SECONDS = 0.005
"""An evaluation that took longer is not taken apart: that would take a multiple of it."""

_MAX_STATEMENTS = 32
_LENGTH = 200
_UNDEFINED = '"<undefined>"'
_FILE = "decider.rego"
_PREFIX = "tocsin_body_"
"""Of the names of those rules."""


@dataclass(frozen=True, slots=True)
class _Beginning:
    """The rule that holds where a body does as far as a statement; and what to say where it does not."""

    query: str
    because: Because


class Decider:
    """Of one policy. `engine` has the policy, and the rules for the beginnings of its bodies."""

    def __init__(self, engine: Any, bodies: tuple[tuple[_Beginning, ...], ...]) -> None:
        self._engine = engine
        self._bodies = bodies

    @classmethod
    def of(cls, engine: Any, text: str, tree: dict[str, Any]) -> "Decider | None":
        """For a policy that is a plain rule; None for any other, and for what cannot be taken apart."""
        try:
            parts = outline(text, tree)
            rules = list(parts.named(RULE))
            bodies = [body for rule in rules for body in rule.bodies]
            statements = sum(len(body.statements) for body in bodies)
            plain = all(rule.kind is RuleKind.COMPLETE for rule in rules)
            taken = any(name.startswith(_PREFIX) for name in names(text))
            if not plain or taken or statements > _MAX_STATEMENTS:
                return None
            clone = engine.clone()
            clone.add_policy(_FILE, "\n".join(_rules(parts, bodies, "if " if tree["rego_v1"] else "")))
            clone.eval_query("true")  # finds a beginning that needs a variable bound later
        except Exception:  # noqa: BLE001 - see above
            return None
        return cls(clone, tuple(tuple(_beginnings(number, body)) for number, body in enumerate(bodies)))

    def find(self, document: bytes) -> Because | None:
        """The expression that did not hold, in the body that came farthest; the first of several."""
        try:
            self._engine.set_input_json(document.decode())
            failed = [found for body in self._bodies if (found := self._first_failed(body)) is not None]
        except Exception:  # noqa: BLE001 - see above
            return None
        if len(failed) < len(self._bodies) or not failed:
            return None  # a body held, and gave false
        return max(failed, key=lambda each: each[0])[1]

    def _first_failed(self, body: tuple[_Beginning, ...]) -> tuple[int, Because] | None:
        for number, beginning in enumerate(body):
            if self._engine.eval_rule_as_json(beginning.query) == _UNDEFINED:
                return number, beginning.because
        return None


def _rules(parts: Outline, bodies: list[Body], word: str) -> Iterator[str]:
    yield parts.header
    for number, body in enumerate(bodies):
        for count in range(1, len(body.statements) + 1):
            sources = "\n".join(statement.source for statement in body.statements[:count])
            yield f"{_name(number, count)} {word}{{\n{sources}\n}}"


def _beginnings(number: int, body: Body) -> Iterator[_Beginning]:
    for count, statement in enumerate(body.statements, start=1):
        because = Because(statement.piece.line, clip(statement.piece.text, _LENGTH))
        yield _Beginning(f"data.{PACKAGE}.{_name(number, count)}", because)


def _name(number: int, count: int) -> str:
    return f"{_PREFIX}{number}_{count}"

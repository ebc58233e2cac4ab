"""Which variable a name is, and what it may be: the scopes of one rule. Pure.

`:=`, `some`, `every` and arguments declare a name for the rest of their body and
what is nested in it. Any other name is bound by unification somewhere in the rule:
it is opaque, since whatever it is unified with is read. The one exception is
`name = value` where the name is met for the first time and occurs in this scope
alone: that is a declaration, too.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from evaluator.rego.reads.values import OPAQUE, Value


class UnsureError(Exception):
    """The policy does what this analysis does not follow. Its reads are the whole document."""


_WILDCARD = "_"


class Scopes:
    """The scopes of one rule, innermost last."""

    def __init__(self, rule: Any) -> None:
        self._trees: list[Any] = []
        self._names: list[dict[str, Value]] = []
        self._open: set[str] = set()
        self._implicit: set[str] = set()
        self._rule = rule

    def enter(self, tree: Any) -> None:
        """Begin a scope; `tree` is all of the syntax tree that is in it."""
        self._trees.append(tree)
        self._names.append({})

    def leave(self) -> None:
        """End the innermost scope."""
        self._trees.pop()
        self._names.pop()

    def declare(self, name: str, value: Value) -> None:
        """`name := value`. Raises UnsureError where the name was used before it was declared."""
        if name == _WILDCARD:
            return
        if name in ("input", "data") or name in self._implicit or name in self._names[-1]:
            raise UnsureError(name)
        self._names[-1][name] = value

    def declare_open(self, name: str) -> None:
        """`some name`: declared, its value to come."""
        self.declare(name, OPAQUE)
        self._open.add(name)

    def bind(self, name: str, value: Value) -> bool:
        """`name = value`, where that is the first of the name. False: it is a comparison."""
        if name == _WILDCARD:
            return True
        for names in reversed(self._names):
            if name in names:
                if name not in self._open:
                    return False
                self._open.remove(name)
                names[name] = value
                return True
        if name in ("input", "data") or name in self._implicit or not self._is_local(name):
            return False
        self._names[-1][name] = value
        return True

    def declared(self, name: str) -> bool:
        """Whether a name is declared here."""
        return any(name in names for names in self._names)

    def look_up(self, name: str) -> Value | None:
        """What a declared name may be. None: it is not declared."""
        for names in reversed(self._names):
            if name in names:
                self._open.discard(name)
                return names[name]
        return None

    def use_implicit(self, name: str) -> Value:
        """A name that nothing declares."""
        if name != _WILDCARD:
            self._implicit.add(name)
        return OPAQUE

    def shadow(self, name: str, value: Value) -> None:
        """What a declared name may be is known better inside the innermost scope."""
        if self.declared(name):
            self._names[-1][name] = value

    def _is_local(self, name: str) -> bool:
        return _occurrences(self._trees[-1])[name] == _occurrences(self._rule)[name]


def _occurrences(tree: Any) -> Counter[str]:
    return Counter(_variables(tree))


def _variables(tree: Any) -> Iterator[str]:
    stack = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, list):
            stack.extend(node)
        elif isinstance(node, dict):
            variable = node.get("Var")
            if isinstance(variable, dict):
                yield str(variable["value"])
            stack.extend(node.values())

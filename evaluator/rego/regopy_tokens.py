"""Texts that regopy reads otherwise than OPA, or reads where OPA does not, found in their tokens. Pure.

Each guard was written for a case of `tests/conformance`. It sees no syntax tree:
what it cannot tell apart it refuses.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from evaluator.rego.engine import CompileError, RefusalError
from evaluator.rego.tokens import Kind, Token

_CONSTANTS = frozenset({"true", "false", "null", "set"})
_BEFORE_A_VALUE = frozenset({"if", "contains", "=", ":=", "|", "&", "-", "in"})
_CLOSING = frozenset({"]", "}"})
_OPENING = frozenset({"[", "{"})


def check(tokens: Sequence[Token], starts: Sequence[int], *, v1: bool) -> None:
    """Raise for what regopy may read otherwise. `starts`: where the statements of the module begin."""
    for one, two in pairwise(tokens):
        if one.kind is Kind.STRING and "\\u" in one.text:
            raise RefusalError(f"line {one.line}: this engine does not read \\u")
        if one.text == "-" and two.text == "0":
            raise RefusalError(f"line {one.line}: a negative zero, which is not zero on this engine")
    rules = frozenset(tokens[start].text for start in starts)
    for start, end in pairwise([*starts, len(tokens)]):
        statement = [token for token in tokens[start:end] if token.kind is not Kind.NEWLINE]
        _check_pairs(statement, rules)
        _check_default(statement)
        _check_some(tokens[start:end])
        _check_own(tokens[start:end])
        if v1:
            _check_body(statement)
        _Scopes().check(statement)
    texts = [token.text for token in tokens]
    for place in range(len(texts) - 4):
        if texts[place : place + 5] == ["import", "rego", ".", "v1", "as"]:
            raise CompileError("`import rego.v1` takes no other name", tokens[place].line, 1)


def _check_pairs(statement: Sequence[Token], rules: frozenset[str]) -> None:
    depth = 0
    padded = [None, *statement, None]
    for before, token, after in zip(padded, statement, padded[2:], strict=False):
        depth += (token.kind is Kind.OPEN) - (token.kind is Kind.CLOSE)
        previous, following = before.text if before else "", after.text if after else ""
        if token.text == ";" and following == "}":
            raise CompileError("a body ends with a semicolon", token.line, token.column)
        if token.text == "=" and previous in _CLOSING and following in _OPENING:
            raise RefusalError(f"line {token.line}: two patterns unified")
        if token.kind is Kind.NAME and depth and following in {"=", ":="} and previous != ".":
            if following == "=" and token.text in rules:
                raise RefusalError(f"line {token.line}: unifies a rule, which this engine takes for a name")
            if following == ":=" and (previous == "not" or token.text in {"input", "data"}):
                raise CompileError(f"cannot assign {token.text} here", token.line, token.column)
        if depth and previous == "." and following == ":=":
            raise CompileError("cannot assign to a reference", token.line, token.column)


def _check_default(statement: Sequence[Token]) -> None:
    """A default must be a constant."""
    if statement[0].text == "default" and any(
        token.kind is Kind.NAME and token.text not in _CONSTANTS for token in statement[3:]
    ):
        raise RefusalError(f"line {statement[0].line}: a default that may be no constant")


def _check_some(tokens: Sequence[Token]) -> None:
    """A name that `some` declares is used, and not in what it is taken from."""
    for place, token in enumerate(tokens):
        if token.text != "some":
            continue
        line = [item.text for item in _until_end(tokens[place + 1 :])]
        names = line[: line.index("in")] if "in" in line else line
        for name in (name for name in names if name.isidentifier() and name != "_"):
            if "in" in line and name in line[line.index("in") :]:
                raise RefusalError(f"line {token.line}: {name} is declared and used at once")
            if "in" not in line and sum(item.text == name for item in tokens) == 1:
                raise CompileError(f"declared var {name} unused", token.line, token.column)


def _check_own(tokens: Sequence[Token]) -> None:
    """A name that is set from itself means another name there, or nothing."""
    for place, (token, sign) in enumerate(pairwise(tokens)):
        if token.kind is Kind.NAME and sign.text in {"=", ":="}:
            line = _until_end(tokens[place + 2 :])
            for before, item in pairwise([sign, *line]):
                if item.kind is Kind.NAME and item.text == token.text and before.text != ".":
                    raise RefusalError(f"line {token.line}: {token.text} is set from itself")


def _until_end(tokens: Sequence[Token]) -> list[Token]:
    """Up to the end of an expression."""
    found: list[Token] = []
    depth = 0
    for token in tokens:
        depth += (token.kind is Kind.OPEN) - (token.kind is Kind.CLOSE)
        if depth < 0 or (not depth and (token.kind is Kind.NEWLINE or token.text == ";")):
            break
        found.append(token)
    return found


def _check_body(statement: Sequence[Token]) -> None:
    """In Rego v1 a body follows `if`."""
    depth = 0
    for before, token in pairwise(statement):
        depth += (before.kind is Kind.OPEN) - (before.kind is Kind.CLOSE)
        if token.text == "{" and not depth and before.text not in _BEFORE_A_VALUE:
            raise CompileError("`if` is missing before the rule's body", token.line, token.column)


@dataclass(slots=True)
class _Scopes:
    """Names declared in each pair of brackets, and where they are used."""

    declared: dict[str, list[tuple[int, ...]]] = field(default_factory=dict)
    used: list[tuple[Token, tuple[int, ...], str]] = field(default_factory=list)

    def check(self, statement: Sequence[Token]) -> None:
        """Refuse names declared twice, again further inside, or used outside of where they are declared."""
        path: list[int] = []
        opening: list[str] = []
        padded = [None, *statement, None]
        for number, token in enumerate(statement):
            if token.kind is Kind.OPEN:
                path.append(number)
                opening.append(token.text)
            elif token.kind is Kind.CLOSE and path:
                path.pop()
                opening.pop()
            before, after = padded[number], padded[number + 2]
            if token.kind is not Kind.NAME or not path or (before and before.text == "."):
                continue
            if (after and after.text == ":=") or (before and before.text == "some"):
                self._declare(token, tuple(path))
            self.used.append((token, tuple(path), opening[0]))
        for token, path_of, first in self.used:
            scopes = self.declared.get(token.text)
            outside = scopes and not any(path_of[: len(scope)] == scope for scope in scopes)
            if outside and first == "{":
                raise RefusalError(f"line {token.line}: {token.text} is used outside of where it is declared")

    def _declare(self, token: Token, path: tuple[int, ...]) -> None:
        scopes = self.declared.setdefault(token.text, [])
        for scope in scopes:
            if path[: len(scope)] == scope or scope[: len(path)] == path:
                raise RefusalError(f"line {token.line}: {token.text} is declared again")
        scopes.append(path)

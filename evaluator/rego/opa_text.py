"""How a policy's text must look to live in an OPA server beside others. Pure.

All policies have the package `sigstore`, and one server would merge them. Each gets
a package of its own, `tocsin.p<digest>.sigstore`, in its package clause and where it
refers to itself by `data.sigstore`. Any other way to `data` is refused: a verdict
depends on the input document, not on what else the server holds. What OPA made of
the text is checked again (`opa_ast`).
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from evaluator.rego import guards
from evaluator.rego.engine import PACKAGE, RULE, CompileError, RefusalError
from evaluator.rego.tokens import Kind, Token, tokenize

ROOT = "tocsin"
"""Everything of ours in a server is under this name."""


@dataclass(frozen=True, slots=True)
class OpaText:
    """A policy as it is pushed. `answer` is a rule: a list with the verdict's value, empty if undefined.

    The list tells an undefined verdict from a policy that the server does not have.
    """

    name: str
    text: str
    rego_v1: bool
    growths: tuple[tuple[int, int, int], ...]
    """Line, column and length of each insertion, in the order of the text."""

    @property
    def policy_id(self) -> str:
        """Its id in the server."""
        return f"{ROOT}/{self.name}"

    @property
    def package(self) -> tuple[str, ...]:
        """Its package."""
        return (ROOT, self.name, PACKAGE)

    @property
    def answer(self) -> str:
        """The rule that is asked for."""
        return f"{ROOT}_{self.name}"

    def original(self, message: str) -> str:
        """A message of the server in the author's words."""
        return message.replace(".".join(("data", *self.package)), f"data.{PACKAGE}")

    def column(self, line: int, column: int) -> int:
        """A column of the pushed text in the author's text."""
        shift = 0
        for at, start, length in self.growths:
            if at == line and start + shift < column:
                shift += length
        return column - shift


@lru_cache(maxsize=512)
def prepare(text: str) -> OpaText:
    """Rewrite a policy. Raises CompileError or RefusalError."""
    guards.check_text(text)
    tokens = list(tokenize(text))
    _check_package(tokens)
    name = "p" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:24]
    own = f"{ROOT}.{name}."
    pieces, done, growths = [], 0, []
    for token in _self_references(tokens):
        pieces += [text[done : token.start], own]
        done = token.start
        growths.append((token.line, token.column, len(own)))
    answer = f"\n{ROOT}_{name} = [value | value := {RULE}]\n"
    return OpaText(name, "".join([*pieces, text[done:], answer]), _is_v1(tokens), tuple(growths))


def _check_package(tokens: Sequence[Token]) -> None:
    clause = [token for token in tokens if token.kind is not Kind.NEWLINE][:2]
    if len(clause) < 2 or clause[0].text != "package":  # noqa: PLR2004 - the keyword and the name
        raise CompileError("the policy does not begin with a package clause", 1, 1)
    name = clause[1]
    after = tokens[tokens.index(name) + 1 :][:1]
    if name.text != PACKAGE or (after and after[0].kind is not Kind.NEWLINE):
        raise CompileError(f"the package must be {PACKAGE}", name.line, name.column)


def _self_references(tokens: Sequence[Token]) -> Iterator[Token]:
    """The tokens `sigstore` of the package clause and of each `data.sigstore`."""
    texts = [token.text for token in tokens]
    yield tokens[texts.index("package") + 1]
    for number, token in enumerate(tokens):
        before, after = texts[max(number - 1, 0)], texts[number + 1 : number + 3]
        if token.text == "$" and token.kind is Kind.OTHER:
            raise RefusalError(f"line {token.line}: template strings are not read on this engine")
        if token.kind is not Kind.NAME or before == ".":
            continue
        if token.text == "data":
            if after != [".", PACKAGE]:
                raise RefusalError(f"line {token.line}: reads data outside the package {PACKAGE}")
            yield tokens[number + 2]
        elif token.text == "rego" and after == [".", "metadata"]:
            raise RefusalError(f"line {token.line}: rego.metadata would see a package that was renamed")


def _is_v1(tokens: Sequence[Token]) -> bool:
    texts = [token.text for token in tokens]
    return any(texts[start : start + 4] == ["import", "rego", ".", "v1"] for start in range(len(texts)))

"""The port behind which the Rego engines stand.

An adapter runs inside a worker process (`evaluator.rego.worker`), never in a
service: engines can hang, eat memory and abort. (An OPA server is a process of its
own, and is asked from the service: `opa`.) An adapter may refuse a policy, for any
reason it can name; it must not guess. What it answers is what OPA would answer
to `data.sigstore.isCompliant`, Rego v0 unless the policy imports `rego.v1`.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from pipeline.errors import EvaluationError, PolicyError

PACKAGE = "sigstore"
RULE = "isCompliant"
QUERY = f"data.{PACKAGE}.{RULE}"
FILE = "policy.rego"


class EngineName(StrEnum):
    """Engines Tocsin knows, in the order `auto` prefers them."""

    REGORUS = "regorus"
    REGOPY = "regopy"
    OPA = "opa"


class CompileError(PolicyError):
    """The text is not Rego, or not a policy. Line and column count from 1; 0 where unknown."""

    def __init__(self, message: str, line: int = 0, column: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column


class RefusalError(PolicyError):
    """The policy may be right, but this engine cannot be trusted with it, or nobody may run it."""


class EngineError(EvaluationError):
    """The engine could not evaluate this document."""


@dataclass(frozen=True, slots=True)
class Because:
    """The expression that decided, and its line in the policy's text, from 1."""

    line: int
    expression: str


@dataclass(frozen=True, slots=True)
class Value:
    """What the query gave, as JSON text. Sets are arrays in Rego's order.

    `because` may say why it is false. It is no part of the answer: no two differ by it.
    """

    json: bytes
    because: Because | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Undefined:
    """The query gave nothing. `because` is as in `Value`."""

    because: Because | None = field(default=None, compare=False)


class Module(Protocol):
    """A compiled policy."""

    @property
    def pure(self) -> bool:
        """Whether its value depends on nothing but the input document."""
        ...

    def evaluate(self, document: bytes) -> Value | Undefined:
        """Evaluate on an input document (JSON). Raises EngineError. May hang, abort, eat memory."""
        ...


class RegoEngine(Protocol):
    """One engine."""

    def compile(self, text: str) -> Module:
        """Compile and apply the guards. Raises CompileError or RefusalError. May hang or abort."""
        ...

"""What is asked of engines and what they answer, wherever they run. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Protocol

from evaluator.rego.engine import EngineName, Undefined, Value
from evaluator.rego.reads.paths import WHOLE, ReadSet

_refs = count()


def new_ref() -> int:
    """A number for a module that no other module of this process has, on whatever engine."""
    return next(_refs)


@dataclass(frozen=True, slots=True)
class Module:
    """A policy's text for one engine, as the service knows it; the compiled form is elsewhere."""

    ref: int
    engine: EngineName
    text: str
    pure: bool = False
    """Whether its answer depends on nothing but the input document."""
    reads: ReadSet = WHOLE
    """The parts of the document that its answer depends on."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no answer."""

    reason: str


Answer = Value | Undefined | Failure


@dataclass(frozen=True, slots=True)
class Question:
    """Evaluate some modules on one input document (JSON)."""

    document: bytes
    modules: tuple[Module, ...]


class Evaluates(Protocol):
    """What answers questions: the pool, a server, or what stands in front of them."""

    async def evaluate(self, questions: Sequence[Question]) -> list[list[Answer]]:
        """Answer each question, policy by policy, in the order asked. Failures are answers."""
        ...


class Compiles(Protocol):
    """What compiles policies for an engine."""

    async def compile(self, engine: EngineName, text: str) -> Module:
        """Compile and apply the engine's guards. Raises CompileError or RefusalError."""
        ...


class Rego(Compiles, Evaluates, Protocol):
    """What an evaluator needs of engines."""

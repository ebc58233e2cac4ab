"""Limits of one evaluation, and how a worker process is told them. Pure."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds an evaluation and a compilation may take; bytes of memory beyond the engine's; of an answer."""

    evaluation_deadline: float
    compile_deadline: float
    memory: int
    answer: int

    def arguments(self) -> list[str]:
        """As a command line."""
        return [str(value) for value in astuple(self)]

    @classmethod
    def from_arguments(cls, arguments: Sequence[str]) -> Self:
        """From a command line."""
        evaluation, compilation, memory, answer = arguments
        return cls(float(evaluation), float(compilation), int(memory), int(answer))


def answer_too_long(size: int, limit: int) -> str:
    """What is said of an answer that is not sent on. `size` is what is known of it."""
    return f"answered {size} bytes; at most {limit} are read"

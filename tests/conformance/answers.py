"""What an engine, or OPA, may say of a policy on a document, and whether the two agree. Pure."""

import json
import re
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any


@dataclass(frozen=True, slots=True)
class Valued:
    """A value, as JSON text with sorted names: two are equal where Rego would say so."""

    text: str

    def __str__(self) -> str:
        return re.sub(r'\{"number": "([^"]*)"\}', r"\1", self.text)

    @classmethod
    def of(cls, value: Any) -> "Valued":
        """From JSON read by `read`."""
        return cls(json.dumps(_plain(value), sort_keys=True, ensure_ascii=False))

    @staticmethod
    def read(text: bytes) -> Any:
        """Read JSON, numbers exact."""
        return json.loads(text, parse_int=Decimal, parse_float=Decimal)


@dataclass(frozen=True, slots=True)
class Silent:
    """No value, and why."""

    kind: str
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.kind}: {self.reason}" if self.reason else self.kind


UNDEFINED = Silent("undefined")
REFUSED = Silent("refused")
"""The policy is not compiled."""
FAILED = Silent("failed")
"""The policy ran into an error, such as a conflict."""

Answer = Valued | Silent


class Agreement(StrEnum):
    """How an engine's answer compares with OPA's."""

    RIGHT = "right"
    REFUSED = "refused"
    WRONG = "wrong"


def compare(engine: Answer, opa: Answer) -> Agreement:
    """A verdict is what OPA would say or an error. False and undefined are one verdict."""
    if isinstance(engine, Silent) and engine.kind in {"refused", "failed"}:
        both = isinstance(opa, Silent) and opa.kind in {"refused", "failed"}
        return Agreement.RIGHT if both else Agreement.REFUSED
    return Agreement.RIGHT if _verdict(engine) == _verdict(opa) else Agreement.WRONG


def _verdict(answer: Answer) -> Answer:
    return UNDEFINED if answer == Valued("false") else answer


def _plain(value: Any) -> Any:
    """Numbers as tagged texts of one form: 1, 1.0 and 1e0 are the same number."""
    match value:
        case Decimal():
            return {"number": str(value.normalize() + 0)} if value else {"number": "0"}
        case list():
            return [_plain(item) for item in value]
        case dict():
            return {name: _plain(item) for name, item in value.items()}
        case _:
            return value

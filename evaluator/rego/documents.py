"""What an engine must not be asked about a document, given what a policy does. Pure."""

import json
import re
from dataclasses import dataclass
from typing import Any

from evaluator.rego.engine import EngineError

_LONG_NUMBER = re.compile(rb"[0-9]{15}")
_FRACTION = re.compile(rb"[:\[,]\s*-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?\s*[,\]}]")
_UNUSUAL = re.compile(rb"[.eE]")
_BEYOND_BMP = re.compile(rb"[\xf0-\xf4]|\\u[dD][89a-fA-F]")
_DIGITS = 15
CANONICAL = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]*[1-9])?")
"""A number as every engine writes it."""


@dataclass(frozen=True, slots=True)
class Needs:
    """What a policy does that not every document is good for."""

    ascii_only: bool = False
    """Patterns and letters, which regorus takes from newer Unicode than OPA."""
    counts_text: bool = False
    """`count` of text, in which regorus counts some characters twice."""
    calculates: bool = False
    """Sums: exact for whole numbers that a double holds."""
    shows_numbers: bool = False
    """Numbers made text, as which OPA keeps the form they were written in."""


def check(document: bytes, needs: Needs) -> None:
    """Raise EngineError for a document that could be misread."""
    if needs.ascii_only and (not document.isascii() or b"\\u" in document):
        raise EngineError("the document holds text beyond ASCII, which this engine matches otherwise")
    if needs.counts_text and _BEYOND_BMP.search(document):
        raise EngineError("the document holds characters that this engine counts twice")
    if _LONG_NUMBER.search(document) or any(
        _UNUSUAL.search(found[0]) for found in _FRACTION.finditer(document)
    ):
        _Numbers(needs).check(document)


class _Numbers:
    def __init__(self, needs: Needs) -> None:
        self._needs = needs

    def check(self, document: bytes) -> None:
        json.loads(document, parse_float=self._fraction, parse_int=self._whole)

    def _whole(self, text: str) -> Any:
        value = int(text)
        if not -(2**63) <= value < 2**63:
            raise EngineError("the document holds an integer beyond 64 bits, which this engine rounds")
        if self._needs.calculates and abs(value) >= 2**53:
            raise EngineError("the document holds an integer too large to calculate with on this engine")
        return value

    def _fraction(self, text: str) -> float:
        digits = text.lower().split("e")[0].replace(".", "").lstrip("-0")
        if len(digits) > _DIGITS:
            raise EngineError("the document holds a number of more than 15 digits, which this engine rounds")
        if self._needs.calculates:
            raise EngineError("the document holds a fraction, and the policy calculates")
        if self._needs.shows_numbers and not CANONICAL.fullmatch(text):
            raise EngineError("the document holds a number written in an unusual way, which may show")
        return float(text)

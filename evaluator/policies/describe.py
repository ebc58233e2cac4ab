"""What a value is, in words for a message: never a whole body, never an error."""

import json
from typing import Any

from pipeline.errors import clip

_LIMIT = 60


def describe(value: Any) -> str:
    """Name a JSON value for a user: `the string "x"`, `the number 5`, `an object`, `nothing`."""
    match value:
        case None:
            words = "nothing"
        case bool():
            words = f"the boolean {str(value).lower()}"
        case str():
            words = f"the string {json.dumps(clip(value, _LIMIT), ensure_ascii=False)}"
        case int() | float():
            words = _number(value)
        case list() | tuple():
            words = "a list" if value else "an empty list"
        case dict():
            words = "an object" if value else "an empty object"
        case _:
            words = f"a value of type {type(value).__name__}"
    return words


def _number(value: float) -> str:
    try:
        return f"the number {clip(str(value), _LIMIT)}"
    except ValueError:  # Python refuses to print integers of more than 4,300 digits
        return "a number of thousands of digits"

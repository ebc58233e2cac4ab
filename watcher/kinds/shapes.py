"""How the types of the Kubernetes API are written down here, and checked.

A type is a msgspec Struct made from a table of its fields, named as in JSON.
Every field may be absent or null (the API drops nulls); fields that are not in
the table are let through. `check` says where a value is not of its type.
"""

import re
from typing import Any

import msgspec

from pipeline.errors import clip

Text = str | None
Int = int | None
Bool = bool | None
IntOrText = int | str | None
"""IntOrString, a port or a percentage."""
Quantity = int | float | str | None
"""An amount such as 500m or 0.5, which the API takes as a string or a number."""
Anything = Any
Texts = list[Text] | None
Ints = list[Int] | None
TextMap = dict[str, Text] | None
QuantityMap = dict[str, Quantity] | None


def struct(type_name: str, /, **fields: Any) -> Any:
    """A frozen type with these optional fields."""
    table = [(field, type_, None) for field, type_ in fields.items()]
    return msgspec.defstruct(type_name, table, frozen=True, gc=False)


def maybe(type_: Any) -> Any:
    """A field of this type, or nothing."""
    return type_ | None


def many(type_: Any) -> Any:
    """A list of this type, or nothing. The elements cannot be null."""
    return list[type_] | None


_MESSAGE = re.compile(r"Expected `([^`]*)`, got `([^`]*)`(?: - at (?:`key` in )?`([^`]*)`)?")
_NAMES = {
    "str": "a string",
    "int": "an integer",
    "float": "a number",
    "bool": "a boolean",
    "array": "a list",
    "object": "an object",
    "null": "null",
}
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]")
_SCALARS = frozenset({"int", "float", "bool"})


class ShapeError(ValueError):
    """A value is not of its type; the text says where, what was expected and what is there."""


def check(value: Any, type_: Any) -> Any:
    """The value as its type. Raises ShapeError."""
    try:
        return msgspec.convert(value, type_)
    except msgspec.ValidationError as error:
        raise ShapeError(_explain(str(error), value)) from None


def _explain(message: str, value: Any) -> str:
    """Msgspec's message in the words and the paths of Kubernetes."""
    match = _MESSAGE.match(message)
    if match is None:
        return clip(message)
    names = [name for name in match[1].split(" | ") if name != "null"]
    expected = " or ".join(_NAMES.get(name, name) for name in names)
    got = _NAMES.get(match[2], match[2])
    hint = "; quote it" if names == ["str"] and match[2] in _SCALARS else ""
    return f"{_path(match[3] or '$', value, names)}: expected {expected}, got {got}{hint}"


def _path(path: str, value: Any, names: list[str]) -> str:
    """`$.spec.containers[0]` as `spec.containers[0]`, with the key that msgspec leaves out of a map."""
    steps: list[str] = []
    for field, index in _STEP.findall(path):
        if field:
            value = value.get(field) if isinstance(value, dict) else None
            steps.append(f".{field}")
        elif index != "...":
            value = value[int(index)] if isinstance(value, list) else None
            steps.append(f"[{index}]")
        else:
            key = _wrong_key(value, names)
            steps.append(f"[{clip(key, 80)!r}]" if key is not None else "[...]")
    return "".join(steps).lstrip(".") or "the object"


def _wrong_key(value: Any, names: list[str]) -> str | None:
    """The first key of a map whose value is not of the scalar type that was expected."""
    types: dict[str, type | tuple[type, ...]] = {"str": str, "int": int, "float": (int, float)}
    allowed = [types[name] for name in names if name in types]
    if not isinstance(value, dict) or not allowed:
        return None
    for key, inner in value.items():
        if isinstance(inner, bool) or not (
            inner is None or any(isinstance(inner, type_) for type_ in allowed)
        ):
            return str(key)
    return None

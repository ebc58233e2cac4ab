"""What a YAML scalar means to kubectl: go-yaml v2 `resolve.go`, behind sigs.k8s.io/yaml.

It is YAML 1.1 with its own mind: `yes` and `on` are booleans, `017`, `0o17` and
`0xF` integers, `1e3` a number, `12:30` and dates strings. What follows is JSON
from there on (sigs.k8s.io/yaml `yaml.go`): map keys become strings, a float
without a fraction is written as an integer, infinity cannot be written.
"""

import base64
import binascii
import math
import re
import struct

_INT64 = 2**63
_UINT64 = 2**64
_SINGLE_DIGITS = 9
"""Decimals after which no two 32-bit floats look the same."""

Scalar = str | int | float | bool | None

_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(["y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"], True),
    **dict.fromkeys(["n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"], False),
    **dict.fromkeys(["", "~", "null", "Null", "NULL"], None),
}
_NOT_FINITE = {
    **dict.fromkeys([".nan", ".NaN", ".NAN"], math.nan),
    **dict.fromkeys([".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"], math.inf),
    **dict.fromkeys(["-.inf", "-.Inf", "-.INF"], -math.inf),
}
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_INTEGERS = (
    (re.compile(r"[-+]?(?:0|[1-9][0-9]*)\Z"), 10),
    (re.compile(r"[-+]?0[xX][0-9a-fA-F]+\Z"), 16),
    (re.compile(r"[-+]?0[bB][01]+\Z"), 2),
    (re.compile(r"[-+]?0[oO]?[0-7]+\Z"), 8),
)
_NUMERIC = frozenset("+-.0123456789")
_TAG = "tag:yaml.org,2002:"


class ScalarError(ValueError):
    """A scalar that its tag, or JSON, does not allow."""


def resolve(text: str) -> Scalar:
    """The value of a plain scalar; floats as they are, see `json_number`."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMERIC:
        return text
    if text in _NOT_FINITE:
        return _NOT_FINITE[text]
    number = _number(text)
    return text if number is None else number


def json_number(value: float) -> int | float:
    """A float as Go's encoding/json writes it and a reader finds it: 1.0 is 1. Raises ScalarError."""
    if not math.isfinite(value):
        raise ScalarError(f"{_float_key(value)} cannot be written in JSON: quote it if a string is meant")
    return int(value) if value.is_integer() and abs(value) < _INT64 else value


def resolve_tagged(tag: str, text: str) -> Scalar:
    """The value of a scalar with a tag. An unknown tag is passed over, as go-yaml does it."""
    name = tag.removeprefix(_TAG) if tag.startswith(_TAG) else ""
    if name == "binary":
        return _binary(text)
    if name not in {"null", "bool", "int", "float", "timestamp"}:
        return text
    value = resolve(text)
    if name == "timestamp" and isinstance(value, str):
        return value
    if name == "float" and isinstance(value, int) and not isinstance(value, bool):
        return value
    expected = {"null": type(None), "bool": bool, "int": int, "float": float}.get(name)
    if expected is None or type(value) is not expected:
        raise ScalarError(f"the value is not what its tag !!{name} says")
    return value


def _number(text: str) -> int | float | None:
    """Go's strconv.ParseInt with base 0 after dropping `_`, then go-yaml's pattern for floats."""
    plain = text if text[0] == "." else text.replace("_", "")
    for pattern, base in _INTEGERS:
        if pattern.match(plain):
            value = int(plain, base)
            if -_INT64 <= value < _UINT64:
                return value
    if not _FLOAT.match(plain):
        return None
    number = float(plain)
    return None if math.isinf(number) else number


def _binary(text: str) -> str:
    """go-yaml decodes `!!binary`; bytes that are no UTF-8 cannot be written in JSON."""
    try:
        return base64.b64decode("".join(text.split()), validate=True).decode("utf-8")
    except (binascii.Error, ValueError) as error:
        raise ScalarError(
            "!!binary needs base64 of UTF-8 text: write the base64 as a plain string"
        ) from error


def key_text(key: object) -> str:
    """The JSON name of a map key (`convertToJSONableObject`). Raises ScalarError."""
    match key:
        case str():
            return key
        case bool():
            return "true" if key else "false"
        case int():
            if key >= _INT64:
                raise ScalarError("a map key is too large a number: quote it")
            return str(key)
        case float():
            return _float_key(key)
        case None:
            raise ScalarError("a map key is null: quote it")
        case _:
            raise ScalarError("a map key is a list or a map, expected a string")


def _float_key(value: float) -> str:
    """Go's FormatFloat(value, 'g', -1, 32): the fewest digits that make the same 32-bit float."""
    single = _single(value)
    if not math.isfinite(single):
        return ".nan" if math.isnan(single) else f"{'-' if single < 0 else ''}.inf"
    texts = (f"{single:.{digits}e}" for digits in range(_SINGLE_DIGITS))
    text = next((text for text in texts if _single(float(text)) == single), f"{single:.{_SINGLE_DIGITS}e}")
    mantissa, _, exponent = text.partition("e")
    power = int(exponent)
    if -4 <= power < 6:  # noqa: PLR2004 - Go's own limits
        decimals = len(mantissa.partition(".")[2]) - power
        return f"{float(text):.{max(decimals, 0)}f}"
    return text


def _single(value: float) -> float:
    """The nearest 32-bit float; infinity for what is too large, as in Go."""
    nearest: float = struct.unpack("f", struct.pack("f", value))[0]
    return nearest

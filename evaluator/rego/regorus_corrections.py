"""Built-ins that regorus gets wrong for some arguments, done in Python for the others. Pure.

regorus calls these in place of its own. Each answers as OPA does for arguments
it is sure of, and raises for all others: the policy is then in error for this
document, which is allowed, and not wrong, which is not. Compared with OPA by
`tests/conformance`.
"""

import json
import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from ipaddress import ip_network
from typing import Any

from evaluator.rego.order import members_in_order

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NANOSECONDS = range(-(2**63), 2**63)
_EXACT = 2**53
_DIGITS = 15
_RFC3339 = re.compile(
    r"(\d{4}-\d\d-\d\dT(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d)(?:\.(\d{1,9}))?(Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)",
    re.ASCII,
)
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?", re.ASCII)
_VERB = re.compile(r"%(.?)", re.DOTALL)
_UNIT = re.compile(r"([0-9]+(?:\.[0-9]+)?)([A-Za-z]*)", re.ASCII)
_UNITS: Mapping[str, int | Decimal] = {
    "": 1, "m": Decimal("0.001"), "k": 10**3, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "P": 10**15,
    "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50,
}  # fmt: skip


class UnsureError(ValueError):
    """What OPA says of these arguments is not known here."""


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.isascii():
        raise UnsureError("only plain ASCII text is handled")
    return value


def _lower(value: Any) -> str:
    return _text(value).lower()


def _upper(value: Any) -> str:
    return _text(value).upper()


def _indexof(value: Any, search: Any) -> int:
    if not _text(search):
        raise UnsureError("searches for nothing")
    return _text(value).find(search)


def _to_number(value: Any) -> Any:
    match value:
        case None:
            return 0
        case bool():
            return int(value)
        case int():
            return value
        case str() if _NUMBER.fullmatch(value):
            return _exact(Decimal(value))
        case _:
            raise UnsureError("is no plain number")


def _exact(number: Decimal) -> int | float:
    """A number that a double holds without a difference that anybody could see."""
    if number == number.to_integral_value():
        if abs(number) < _EXACT:
            return int(number)
    elif len(number.normalize().as_tuple().digits) <= _DIGITS:
        return float(number)
    raise UnsureError("has too many digits")


def _product(values: Any) -> int:
    if not isinstance(values, list | set | frozenset) or any(type(value) is not int for value in values):
        raise UnsureError("only whole numbers are multiplied")
    return int(_exact(Decimal(math.prod(values))))


def _units_parse(value: Any) -> int | float:
    found = _UNIT.fullmatch(_text(value))
    if found is None or found[2] not in _UNITS:
        raise UnsureError("is no quantity that is surely read")
    return _exact(Decimal(found[1]) * _UNITS[found[2]])


def _parse_rfc3339(value: Any) -> int:
    found = _RFC3339.fullmatch(_text(value))
    if found is None:
        raise UnsureError("is no RFC 3339 time that is surely read")
    try:
        whole = datetime.fromisoformat(found[1] + found[3].replace("Z", "+00:00"))
    except ValueError as error:
        raise UnsureError("is no date") from error
    return _nanoseconds(whole, int((found[2] or "").ljust(9, "0")))


def _nanoseconds(whole: datetime, fraction: int) -> int:
    seconds = (whole - _EPOCH) // timedelta(seconds=1)
    result = seconds * 10**9 + fraction
    if result not in _NANOSECONDS:
        raise UnsureError("is out of range")
    return result


def _add_date(start: Any, years: Any, months: Any, days: Any) -> int:
    """As Go's Time.AddDate: a day beyond a month's end runs over into the next month."""
    if any(type(part) is not int for part in (start, years, months, days)):
        raise UnsureError("whole numbers are needed")
    seconds, fraction = divmod(start, 10**9)
    try:
        before = _EPOCH + timedelta(seconds=seconds)
        year, month = divmod(before.month - 1 + months, 12)
        first = before.replace(year=before.year + years + year, month=month + 1, day=1)
        return _nanoseconds(first + timedelta(days=before.day - 1 + days), fraction)
    except (ValueError, OverflowError) as error:
        raise UnsureError("is out of range") from error


def _cidr_contains(network: Any, other: Any) -> bool:
    outer = ip_network(_text(network), strict=False)
    inner = ip_network(_text(other), strict=False)
    if outer.version != 4 or inner.version != 4:  # noqa: PLR2004 - mapped addresses are read otherwise
        raise UnsureError("only IPv4 is handled")
    return (
        outer.network_address <= inner.network_address and inner.broadcast_address <= outer.broadcast_address
    )


def _sprintf(form: Any, values: Any) -> str:
    if not isinstance(form, str) or not isinstance(values, list):
        raise UnsureError("a format and an array are needed")
    left = list(values)

    def fill(found: re.Match[str]) -> str:
        if found[1] == "%":
            return "%"
        if not left:
            raise UnsureError("has more verbs than values")
        return _formatted(found[1], left.pop(0))

    text = _VERB.sub(fill, form)
    if left:
        raise UnsureError("has more values than verbs")
    return text


def _formatted(verb: str, value: Any) -> str:
    match verb, value:
        case "v" | "s", str():
            return value
        case "d" | "v", int() if not isinstance(value, bool):
            return str(value)
        case "v", float():
            return _decimal(value)
        case "v" | "s", list() | dict() | set() | frozenset():
            return _composite(value)
        case "v", None | bool():
            return _composite(value)
        case "q", str() if value.isascii() and value.isprintable():
            return json.dumps(value)
        case _:
            raise UnsureError(f"%{verb} of such a value is not surely written")


def _decimal(value: float) -> str:
    text = repr(value)
    if not _NUMBER.fullmatch(text) or value.is_integer():
        raise UnsureError("such a number is not surely written")
    return text


def _composite(value: Any) -> str:  # noqa: PLR0911 - one for each kind of value
    match value:
        case None | bool():
            return json.dumps(value)
        case int():
            return str(value)
        case float():
            return _decimal(value)
        case str() if value.isascii() and value.isprintable():
            return json.dumps(value)
        case list():
            return f"[{', '.join(map(_composite, value))}]"
        case set() | frozenset():
            inner = ", ".join(map(_composite, members_in_order(list(value))))
            return f"{{{inner}}}" if inner else "set()"
        case dict() if all(isinstance(name, str) for name in value):
            pairs = (f"{_composite(name)}: {_composite(value[name])}" for name in sorted(value))
            return f"{{{', '.join(pairs)}}}"
        case _:
            raise UnsureError("such a value is not surely written")


def _marshal(value: Any) -> str:
    _check_plain(value)
    return json.dumps(value, separators=(",", ":"), sort_keys=True)


def _check_plain(value: Any) -> None:
    match value:
        case None | bool() | int():
            return
        case str() if value.isascii() and value.isprintable() and not set(value) & set("<>&\x7f"):
            return
        case list():
            for item in value:
                _check_plain(item)
        case dict() if all(isinstance(name, str) for name in value):
            for name, item in value.items():
                _check_plain(name)
                _check_plain(item)
        case _:
            raise UnsureError("such a value is not surely written")


def _unmarshal(text: Any) -> Any:
    return json.loads(
        _text(text),
        parse_int=_whole,
        parse_float=_fraction,
        parse_constant=_fraction,
        object_pairs_hook=_object,
    )


def _whole(text: str) -> int | float:
    return _exact(Decimal(text))


def _fraction(text: str) -> float:
    if not _NUMBER.fullmatch(text):
        raise UnsureError("a number is not surely read")
    return _exact(Decimal(text))


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if any(not name.isprintable() for name, _ in pairs):
        raise UnsureError("a name is not surely read")
    return dict(pairs)


CORRECTIONS: Mapping[str, tuple[int, Callable[..., Any]]] = {
    "indexof": (2, _indexof),
    "json.marshal": (1, _marshal),
    "json.unmarshal": (1, _unmarshal),
    "lower": (1, _lower),
    "product": (1, _product),
    "sprintf": (2, _sprintf),
    "net.cidr_contains": (2, _cidr_contains),
    "time.add_date": (4, _add_date),
    "time.parse_rfc3339_ns": (1, _parse_rfc3339),
    "to_number": (1, _to_number),
    "units.parse": (1, _units_parse),
    "upper": (1, _upper),
}
"""Built-in -> number of its arguments, and the function in its place."""

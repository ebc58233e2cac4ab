"""Rego's order of values, in which sets are listed. Pure.

Source: OPA's documentation ("Policy Language": comparison across types) and
its `ast.Compare`: null < boolean < number < string < array < object; arrays
element by element, objects pair by pair in the order of their keys.
"""

from typing import Any


def rego_key(value: Any) -> tuple[Any, ...]:
    """A sort key for a JSON value."""
    match value:
        case None:
            return (0,)
        case bool():
            return (1, value)
        case int() | float():
            return (2, value)
        case str():
            return (3, value.encode())
        case list():
            return (4, [rego_key(item) for item in value])
        case _:
            names = sorted(value, key=str.encode)
            return (5, [(name.encode(), rego_key(value[name])) for name in names])


def members_in_order(members: list[Any]) -> list[Any]:
    """The members of a set, for engines that list them in an order of their own."""
    return sorted(members, key=rego_key)

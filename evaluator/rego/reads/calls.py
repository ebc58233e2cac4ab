"""Built-ins that do not look at all of their argument, and conditions that say what it is. Pure."""

from collections.abc import Iterator, Sequence
from typing import Any

SHAPE_OF = frozenset(
    {
        "is_array",
        "is_boolean",
        "is_null",
        "is_number",
        "is_object",
        "is_set",
        "is_string",
        "type_name",
    }
)
"""They look at the type of their one argument."""

KEYS_OF = frozenset({"count", "object.keys"})
"""They look at the length or the keys of their one argument."""

_SCALAR_TESTS = frozenset({"is_boolean", "is_null", "is_number", "is_string"})
_SCALAR_TYPES = frozenset({"boolean", "null", "number", "string"})


def scalars_in(statements: Sequence[Any], own: frozenset[str]) -> Iterator[str]:
    """Variables that are a string, a number, a boolean or null wherever these statements hold.

    `is_string(x)`, `type_name(x) == "string"`, `type_name(x) in {"string", "null"}`.
    `own`: functions of the policy, which may bear a built-in's name.
    """
    for statement in statements:
        literal = statement["literal"]
        if "Expr" not in literal:
            continue
        ((kind, parts),) = literal["Expr"]["expr"].items()
        if kind == "Call":
            yield from _argument(parts, _SCALAR_TESTS - own)
        elif kind == "BoolExpr" and parts["op"] == "Eq":
            for one, other in ((parts["lhs"], parts["rhs"]), (parts["rhs"], parts["lhs"])):
                if "Call" in one and _is_scalar_type(other):
                    yield from _argument(one["Call"], frozenset({"type_name"}) - own)
        elif kind == "Membership" and parts["key"] is None and "Call" in parts["value"]:
            ((collection, inner),) = parts["collection"].items()
            if collection in ("Set", "Array") and all(map(_is_scalar_type, inner["items"])):
                yield from _argument(parts["value"]["Call"], frozenset({"type_name"}) - own)


def _argument(call: Any, names: frozenset[str]) -> Iterator[str]:
    """The variable that one of these functions gets as its one argument."""
    function, arguments = call["fcn"], call["params"]
    if "Var" in function and function["Var"]["value"] in names and len(arguments) == 1:
        variable = arguments[0].get("Var")
        if variable is not None:
            yield str(variable["value"])


def _is_scalar_type(node: Any) -> bool:
    return "String" in node and node["String"]["value"] in _SCALAR_TYPES

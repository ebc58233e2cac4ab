"""Calculations that regorus does otherwise than OPA, found in its syntax tree. Pure.

OPA calculates with as many digits as there are, regorus with those of 64-bit integers
and doubles. What is exact in both is let through, products are checked one by one
(`regorus_products`), the rest is a RefusalError.
"""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from evaluator.rego.documents import CANONICAL
from evaluator.rego.engine import RefusalError
from evaluator.rego.regorus_ast import SETS, dotted, kind_of, nodes, path_name

SHOW_NUMBERS = frozenset({"sprintf", "json.marshal", "format_int"})
SUMS = frozenset({"sum", "plus", "minus"})
_INEXACT = frozenset({"to_number", "units.parse", "json.unmarshal"})
_LONG = 15
_DECLARING = {
    "Func": ("args",),
    "AssignExpr": ("lhs",),
    "SomeIn": ("key", "value"),
    "SomeVars": ("vars",),
    "Every": ("key", "value"),
}
_FOUR_BYTES = 0xF0
"""First byte of a character beyond the basic plane."""


def check_numbers(module: dict[str, Any], called: frozenset[str], source: bytes) -> bool:
    """Raise for numbers and sums that regorus rounds otherwise. Returns whether the policy calculates."""
    texts = _check_literals(module, source)
    if SHOW_NUMBERS & called and not all(CANONICAL.fullmatch(text) for text in texts):
        raise RefusalError("makes text of a number written in an unusual way, which would show")
    if "count" in called and (b"\\u" in source or any(byte >= _FOUR_BYTES for byte in source)):
        raise RefusalError("counts beside characters that this engine may count twice")
    sums = [inner for node in nodes(module["rules"]) if (inner := node.get("ArithExpr"))]
    _check_divisions(sums)
    constants = whole_constants(module, source)
    # products are checked one by one (`regorus_products`)
    calculates = bool(SUMS & called) or any(
        item["op"] != "Mul" and not _is_exact(item, constants) for item in sums
    )
    if calculates and (_INEXACT & called or not all(text.lstrip("-").isdigit() for text in texts)):
        raise RefusalError("calculates where there may be fractions, which this engine rounds otherwise")
    return calculates


def _check_literals(module: dict[str, Any], source: bytes) -> list[str]:
    """Number literals as they are written."""
    texts = []
    for node in nodes(module["rules"]):
        literal = node.get("Number")
        if isinstance(literal, dict) and "span" in literal:
            span = literal["span"]
            text = source[span["start"] : span["end"]].decode()
            whole = text.lstrip("-").isdigit()
            if (whole and abs(int(text)) >= 2**63) or (not whole and len(text) > _LONG):
                raise RefusalError(f"line {span['line']}: a number that this engine rounds")
            texts.append(text)
    return texts


def whole_constants(module: dict[str, Any], source: bytes) -> dict[str, int]:
    """Rules that are one whole number, always: `limit := 30`, `day := 24 * hour`."""
    if any(node.get("with_mods") for node in nodes(module["rules"])):
        return {}  # `with` may put another value in place of a rule's
    values: dict[str, dict[str, Any] | None] = {}
    for rule in module["rules"]:
        value = None
        if "Spec" in rule:
            kind, head = kind_of(rule["Spec"]["head"])
            name = path_name(head["refr"])
            if kind == "Compr" and "Var" in head["refr"] and not rule["Spec"]["bodies"]:
                value = (head.get("assign") or {}).get("value")
        else:
            name = path_name(rule["Default"]["refr"])
        values[name] = None if name in values else value
    for name in _declared(module, source):
        values.pop(name, None)
    found: dict[str, int] = {}
    for _ in values:  # a constant may be made of others
        for name, value in values.items():
            if value and (number := product_of_constants(value, found)) is not None:
                found[name] = number
    return found


def _declared(module: dict[str, Any], source: bytes) -> Iterator[str]:
    """Names that stand for something else than a rule in some places: arguments, `some`, `every`, `:=`."""
    for node in nodes(module["rules"]):
        for kind, fields in _DECLARING.items():
            inner = node.get(kind)
            for part in nodes([inner.get(field) for field in fields]) if isinstance(inner, dict) else ():
                if "start" in part:  # a span: of a variable, or of a name that has no node of its own
                    yield source[part["start"] : part["end"]].decode()


def _check_divisions(sums: list[dict[str, Any]]) -> None:
    for item in sums:
        if item["op"] == "Div" and not _divides(item):
            raise RefusalError(f"line {item['span']['line']}: a division, which this engine rounds otherwise")


def _divides(item: dict[str, Any]) -> bool:
    """Whether both are constants, and the result is exact in binary too."""
    left, right = product_of_constants(item["lhs"], {}), product_of_constants(item["rhs"], {})
    if left is None or not right:
        return False
    below = Fraction(left, right).denominator
    return not below & (below - 1)


def _is_exact(item: dict[str, Any], constants: dict[str, int]) -> bool:
    """Whether a sum is of sets, or of lengths and whole constants, whatever the document holds."""
    sides = [item["lhs"], item["rhs"]]
    if item["op"] == "Sub" and any(kind_of(side)[0] in SETS for side in sides):
        return True
    return all(_is_whole(side, constants) for side in sides)


def _is_whole(node: dict[str, Any], constants: dict[str, int]) -> bool:
    kind, inner = kind_of(node)
    if kind == "Call":
        return dotted(inner["fcn"]) == "count"
    if kind == "ArithExpr" and inner["op"] in {"Add", "Sub"}:
        return all(_is_whole(inner[side], constants) for side in ("lhs", "rhs"))
    return product_of_constants(node, constants) is not None


def product_of_constants(node: dict[str, Any], constants: dict[str, int]) -> int | None:
    """The value of a product of constants, where it is exact."""
    if "op" not in node:
        kind, inner = kind_of(node)
        if kind == "Number" and isinstance(inner["value"], int):
            return int(inner["value"])
        if kind == "Var":
            return constants.get(inner["value"])
        if kind != "ArithExpr":
            return None
        node = inner
    left, right = product_of_constants(node["lhs"], constants), product_of_constants(node["rhs"], constants)
    if node["op"] != "Mul" or left is None or right is None or abs(left * right) >= 2**53:
        return None
    return left * right

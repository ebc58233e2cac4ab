"""Products that are checked, done to the text before regorus reads it. Pure.

regorus rounds a product otherwise than OPA, which calculates with as many digits as
there are. So `a * b` becomes `product([a, b])`, which is ours (`regorus_corrections`):
exact where both are whole numbers and a double holds the result, else an error. Products
of constants that are exact stay: OPA takes no call where only a constant may stand.
"""

import re
from typing import Any

from evaluator.rego.engine import RefusalError
from evaluator.rego.regorus_ast import kind_of, nodes
from evaluator.rego.regorus_numbers import product_of_constants, whole_constants
from evaluator.rego.tokens import tokenize

FUNCTION = "product"
_OPERATOR = re.compile(rb"\*")
_COMMENT = re.compile(rb"#[^\n]*")


def check_products(text: str, module: dict[str, Any]) -> str:
    """The text with its products checked; the same text where there is nothing to do."""
    source = text.encode()
    constants = whole_constants(module, source)
    found = [
        item
        for node in nodes(module["rules"])
        if (item := node.get("ArithExpr"))
        and item["op"] == "Mul"
        and product_of_constants(item, constants) is None
    ]
    if not found:
        return text
    if any(token.text == FUNCTION for token in tokenize(text)):
        raise RefusalError(f"multiplies beside the name {FUNCTION}, which this engine needs for that")
    edits: list[tuple[int, int, bytes]] = []
    for item in found:
        operator = _operator(source, item)
        edits += [
            (item["span"]["start"], item["span"]["start"], f"{FUNCTION}([".encode()),
            (operator, operator + 1, b","),
            (item["span"]["end"], item["span"]["end"], b"])"),
        ]
    for start, end, new in sorted(edits, reverse=True):
        source = source[:start] + new + source[end:]
    return source.decode()


def _operator(source: bytes, item: dict[str, Any]) -> int:
    """Where the sign stands: what else is between the factors is blanks, comments and brackets."""
    start, end = (kind_of(item[side])[1]["span"][edge] for side, edge in (("lhs", "end"), ("rhs", "start")))
    between = _COMMENT.sub(lambda comment: b" " * len(comment[0]), source[start:end])
    signs = [found.start() for found in _OPERATOR.finditer(between)]
    if len(signs) != 1 or between.strip(b" \t\r\n()*"):
        raise RefusalError(f"line {item['span']['line']}: a product that this engine cannot check")
    return int(start) + signs[0]

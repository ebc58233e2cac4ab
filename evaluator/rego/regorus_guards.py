"""Rego that regorus reads otherwise than OPA, found in its syntax tree. Pure.

Each guard was written for a case of `tests/conformance` that came out wrong
without it. What OPA does not compile is a CompileError; what it does, and
regorus cannot be trusted with, a RefusalError.
"""

import re
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from evaluator.rego.documents import CANONICAL
from evaluator.rego.engine import CompileError, RefusalError
from evaluator.rego.regorus_ast import Analysis, dotted, imported, kind_of, nodes
from evaluator.rego.tokens import Kind, Token, tokenize

_PLAIN_REGEX = re.compile(
    r"""(?:
        [A-Za-z0-9 _@:/,;=<>~!%"'`\-]      # itself
      | \\[.+*?()|\[\]{}^$/\-_:@dwsDWSb]   # escaped, or a class (documents beyond ASCII are refused)
      | [.|()^$]
      | \(\?[:i]\)?
      | \[\^?(?:[A-Za-z0-9 _@:/,;=<>!%.+*?(){}|$]|-(?!-)|\\[.\-\[\]\\/dws])+\]
      | (?<![*+?}(|^])(?:[*+?]\??|\{[0-9]{1,3}(?:,[0-9]{0,3})?\}\??)
    )*""",
    re.VERBOSE,
)
_PLAIN_GLOB = re.compile(r"(?:[A-Za-z0-9_./:@{},?\-]|\*(?!\*\*))*")
PATTERNS = {
    "glob.match": (0, _PLAIN_GLOB),
    "re_match": (0, _PLAIN_REGEX),
    "regex.find_all_string_submatch_n": (0, _PLAIN_REGEX),
    "regex.find_n": (0, _PLAIN_REGEX),
    "regex.match": (0, _PLAIN_REGEX),
    "regex.replace": (1, _PLAIN_REGEX),
}
"""Built-in -> which argument is a pattern, and the patterns whose meaning Go and Rust share."""

ASCII_ONLY = frozenset(
    {"glob.match", "re_match", "regex.match", "regex.find_n", "regex.replace"}
) | frozenset({"regex.find_all_string_submatch_n"})
"""Built-ins that are trusted with documents of ASCII text only."""

SHOW_NUMBERS = frozenset({"sprintf", "json.marshal", "format_int"})
SUMS = frozenset({"sum", "plus", "minus"})
_ORDERED = frozenset({"Lt", "Le", "Gt", "Ge"})
_SETS = frozenset({"Set", "SetCompr"})
_INEXACT = frozenset({"to_number", "units.parse", "json.unmarshal"})
_LONG = 15
_FOUR_BYTES = 0xF0
"""First byte of a character beyond the basic plane."""


def check_rules(module: dict[str, Any], analysis: Analysis, source: bytes) -> None:
    """Raise where rules, heads, imports or declarations mean something else in OPA."""
    defaults = Counter(path_name(rule["Default"]["refr"]) for rule in module["rules"] if "Default" in rule)
    for name, count in defaults.items():
        if count > 1:
            raise CompileError(f"rule {name} has {count} defaults")
    _check_kinds(module)
    for name in ("input", "data", *imported(module, source)):
        if name in analysis.rules:
            raise RefusalError(f"rule {name} has the name of an import or a document")
    for rule in module["rules"]:
        if "Spec" in rule:
            _check_head(rule["Spec"]["head"])
        for node in nodes(rule):
            _check_node(node, source)


def path_name(node: dict[str, Any]) -> str:
    """The name that a reference starts with."""
    while "Var" not in node:
        ((_, inner),) = node.items()
        node = inner["refr"]
    return str(node["Var"]["value"])


def _check_kinds(module: dict[str, Any]) -> None:
    """A name is a set, a function or a value (OPA: conflicting rules)."""
    kinds: dict[str, str] = {}
    for rule in module["rules"]:
        if "Spec" in rule:
            kind, inner = kind_of(rule["Spec"]["head"])
            reference = inner["refr"]
        else:
            kind, reference = "Func" if rule["Default"].get("args") else "Compr", rule["Default"]["refr"]
        if "RefDot" not in reference and kinds.setdefault(path_name(reference), kind) != kind:
            line = next(iter(reference.values()))["span"]["line"]
            raise CompileError(f"conflicting rules named {path_name(reference)}", line, 1)


def _check_head(head: dict[str, Any]) -> None:
    _, inner = kind_of(head)
    reference = inner["refr"]
    if any("RefBrack" in node for node in nodes(reference.get("RefDot", {}))):
        raise RefusalError(f"line {inner['span']['line']}: a rule head with a variable inside its name")


def _check_node(node: dict[str, Any], source: bytes) -> None:
    some = node.get("SomeIn")
    if isinstance(some, dict) and any("Object" in item for item in nodes([some["key"], some["value"]])):
        raise RefusalError(f"line {some['span']['line']}: an object as the pattern of `some`")
    if isinstance(node.get("stmts"), list):
        _check_declared(node, source)
    compared = node.get("BoolExpr")
    if isinstance(compared, dict) and compared["op"] in _ORDERED:
        _check_mixed([compared["lhs"], compared["rhs"]], compared["span"])
    for kind in ("Array", "Set"):
        group = node.get(kind)
        if isinstance(group, dict) and "items" in group:
            _check_mixed(group["items"], group["span"])


def _check_mixed(items: list[dict[str, Any]], span: dict[str, Any]) -> None:
    """Sets come after objects in Rego's order, and before them in this engine's."""
    sets = [kind_of(item)[0] in _SETS for item in items]
    if any(sets) and not all(sets):
        raise RefusalError(f"line {span['line']}: sets in one order with other values")


def _check_declared(query: dict[str, Any], source: bytes) -> None:
    """A name that `some` declares must be used (OPA: declared var unused)."""
    for statement in query["stmts"]:
        some = statement["literal"].get("SomeVars")
        for span in some["vars"] if some else ():
            name = source[span["start"] : span["end"]].decode()
            used = any(node.get("Var", {}).get("value") == name for node in nodes(query) if "Var" in node)
            if not used:
                raise CompileError(f"declared var {name} unused", span["line"], span["col"])


def check_syntax(text: str, *, v1: bool) -> None:
    """Raise for `if` and `contains` in a rule head where nothing imports them."""
    tokens = list(tokenize(text))
    if v1 or any(token.text == "future" for token in tokens):
        return
    depth = 0
    before: Token | None = None
    for token in tokens:
        depth += (token.kind is Kind.OPEN) - (token.kind is Kind.CLOSE)
        if depth == 0 and token.text == "if" and before is not None and before.kind is not Kind.NEWLINE:
            raise CompileError(
                "`if` needs `import rego.v1` or `import future.keywords.if`", token.line, token.column
            )
        before = token


def check_numbers(module: dict[str, Any], called: frozenset[str], source: bytes) -> bool:
    """Raise for numbers and sums that regorus rounds otherwise. Returns whether the policy calculates."""
    texts = _check_literals(module, source)
    if SHOW_NUMBERS & called and not all(CANONICAL.fullmatch(text) for text in texts):
        raise RefusalError("makes text of a number written in an unusual way, which would show")
    if "count" in called and (b"\\u" in source or any(byte >= _FOUR_BYTES for byte in source)):
        raise RefusalError("counts beside characters that this engine may count twice")
    sums = [inner for node in nodes(module["rules"]) if (inner := node.get("ArithExpr"))]
    constants = _constants(module)
    _check_products(sums, constants)
    calculates = bool(SUMS & called) or any(not _is_exact(item, constants) for item in sums)
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


def _constants(module: dict[str, Any]) -> dict[str, int]:
    """Rules that are one whole number, always: `limit := 30`."""
    found: dict[str, int | None] = {}
    for rule in module["rules"]:
        name, value = "", None
        if "Spec" in rule:
            _, head = kind_of(rule["Spec"]["head"])
            name = path_name(head["refr"])
            number = (head.get("assign") or {}).get("value", {}).get("Number")
            if number and not rule["Spec"]["bodies"] and isinstance(number["value"], int):
                value = int(number["value"])
        else:
            name = path_name(rule["Default"]["refr"])
        found[name] = None if name in found else value
    shadowed = {
        kind_of(node["AssignExpr"]["lhs"])[1].get("value")
        for node in nodes(module["rules"])
        if "AssignExpr" in node
    }
    return {name: value for name, value in found.items() if value is not None and name not in shadowed}


def _check_products(sums: list[dict[str, Any]], constants: dict[str, int]) -> None:
    for item in sums:
        if item["op"] == "Div" and not _divides(item):
            raise RefusalError(f"line {item['span']['line']}: a division, which this engine rounds otherwise")
        if item["op"] == "Mul" and _product(item, constants) is None:
            raise RefusalError(f"line {item['span']['line']}: a product of what is not known beforehand")


def _divides(item: dict[str, Any]) -> bool:
    """Whether both are constants, and the result is exact in binary too."""
    left, right = _product(item["lhs"], {}), _product(item["rhs"], {})
    if left is None or not right:
        return False
    below = Fraction(left, right).denominator
    return not below & (below - 1)


def _is_exact(item: dict[str, Any], constants: dict[str, int]) -> bool:
    """Whether a sum is of sets, or of lengths and whole constants, whatever the document holds."""
    sides = [item["lhs"], item["rhs"]]
    if item["op"] == "Sub" and any(kind_of(side)[0] in _SETS for side in sides):
        return True
    return all(_is_whole(side, constants) for side in sides)


def _is_whole(node: dict[str, Any], constants: dict[str, int]) -> bool:
    kind, inner = kind_of(node)
    if kind == "Call":
        return dotted(inner["fcn"]) == "count"
    if kind == "ArithExpr" and inner["op"] in {"Add", "Sub"}:
        return all(_is_whole(inner[side], constants) for side in ("lhs", "rhs"))
    return _product(node, constants) is not None


def _product(node: dict[str, Any], constants: dict[str, int]) -> int | None:
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
    left, right = _product(node["lhs"], constants), _product(node["rhs"], constants)
    if node["op"] != "Mul" or left is None or right is None or abs(left * right) >= 2**53:
        return None
    return left * right


def check_patterns(module: dict[str, Any], source: bytes) -> None:
    """Raise for a pattern that is no constant, or that Go and Rust may read differently."""
    for name, call in _named_calls(module["rules"]):
        if name not in PATTERNS:
            continue
        place, plain = PATTERNS[name]
        params = call["params"]
        constant = (
            params[place].get("String") or params[place].get("RawString") if len(params) > place else None
        )
        line = call["span"]["line"]
        if constant is None:
            raise RefusalError(f"line {line}: {name} with a pattern that is no constant")
        if not plain.fullmatch(str(constant["value"])):
            raise RefusalError(f"line {line}: {name} with a pattern that engines may read differently")
    if (not source.isascii() or b"\\u" in source) and ASCII_ONLY & {
        name for name, _ in _named_calls(module["rules"])
    }:
        raise RefusalError("patterns beside text that is not ASCII")


def _named_calls(tree: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    for node in nodes(tree):
        call = node.get("Call")
        if isinstance(call, dict):
            parts: list[str] = []
            reference = call["fcn"]
            while "RefDot" in reference:
                parts.append(str(reference["RefDot"]["field"][1]))
                reference = reference["RefDot"]["refr"]
            if "Var" in reference:
                yield ".".join([str(reference["Var"]["value"]), *reversed(parts)]), call

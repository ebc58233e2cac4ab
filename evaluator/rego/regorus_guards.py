"""Rego that regorus reads otherwise than OPA, found in its syntax tree. Pure.

Each guard was written for a case of `tests/conformance` that came out wrong
without it. What OPA does not compile is a CompileError; what it does, and
regorus cannot be trusted with, a RefusalError.
"""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from evaluator.rego.engine import CompileError, RefusalError
from evaluator.rego.regorus_ast import SETS, Analysis, imported, kind_of, nodes, path_name
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

_ORDERED = frozenset({"Lt", "Le", "Gt", "Ge"})


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
    sets = [kind_of(item)[0] in SETS for item in items]
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

"""Guards on policies and documents that hold for every engine. Pure.

Sizes and nesting are capped before any parser sees the text: 3,000 nested
brackets keep regorus busy for minutes, and deep nesting crashes regopy. What no
policy may call is refused: answers must not depend on the network or on the
process that evaluates.
"""

import re
from collections.abc import Iterable, Mapping

from evaluator.rego.engine import CompileError, EngineError, RefusalError
from evaluator.rego.tokens import Kind, tokenize

MAX_TEXT_BYTES = 256 * 1024
"""A ConfigMap holds 1 MiB; published policies are below 10 KiB."""

MAX_NESTING = 64
"""Brackets open at once. Published policies stay below 10."""

MAX_LINE = 4096
"""Characters of one line."""

MAX_DOCUMENT_BYTES = 16 * 2**20
"""An object of the largest size an API server accepts (3 MiB), its metadata given twice, and room."""

MAX_DOCUMENT_DEPTH = 500
"""Arrays and objects inside each other. Real ones stay below 30; regopy crashes at a few thousand."""

_NO_BRACKET = re.compile(rb'"(?:[^"\\]|\\.)*"|[^"\[\]{}]+', re.DOTALL)

FORBIDDEN_CALLS: Mapping[str, str] = {
    "http.send": "reads the network",
    "net.lookup_ip_addr": "reads the network",
    "opa.runtime": "reads the environment of the process",
}
"""Built-ins refused on every engine, and why."""


def check_text(text: str) -> None:
    """Raise CompileError where the text is too large, too deep or unbalanced."""
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > MAX_TEXT_BYTES:
        raise CompileError(f"the policy is {size} bytes long; at most {MAX_TEXT_BYTES} are read")
    for number, line in enumerate(text.splitlines(), start=1):
        if len(line) > MAX_LINE:
            raise CompileError(
                f"the line is {len(line)} characters long; at most {MAX_LINE} are read", number, 1
            )
    depth = 0
    for token in tokenize(text):
        if token.kind is Kind.OPEN:
            depth += 1
            if depth > MAX_NESTING:
                raise CompileError(
                    f"more than {MAX_NESTING} brackets are open at once", token.line, token.column
                )
        elif token.kind is Kind.CLOSE:
            depth -= 1


def check_document(document: bytes) -> None:
    """Raise EngineError where an input document (JSON) is too large or too deep for an engine."""
    if len(document) > MAX_DOCUMENT_BYTES:
        raise EngineError(
            f"the input document is {len(document)} bytes long; at most {MAX_DOCUMENT_BYTES} are evaluated"
        )
    if document.count(b"[") + document.count(b"{") <= MAX_DOCUMENT_DEPTH:
        return  # nearly all: too few brackets to be too deep
    depth = 0
    for byte in _NO_BRACKET.sub(b"", document):
        depth += 1 if byte in b"[{" else -1
        if depth > MAX_DOCUMENT_DEPTH:
            raise EngineError(f"the input document is more than {MAX_DOCUMENT_DEPTH} levels deep")


def check_calls(called: Iterable[str], known: Iterable[str]) -> None:
    """Raise RefusalError for a forbidden call, and for one that an engine does not know."""
    known = frozenset(known)
    for name in sorted(set(called)):
        if name in FORBIDDEN_CALLS:
            raise RefusalError(f"{name} {FORBIDDEN_CALLS[name]}; no policy may call it here")
        if name not in known:
            raise RefusalError(f"calls {name}, which this engine does not have or is not trusted with")


def check_recursion(references: Mapping[str, frozenset[str]]) -> None:
    """Raise CompileError for a rule that reaches itself, as OPA does (rego_recursion_error).

    `references`: rule name -> names of the rules it refers to.
    """
    finished: set[str] = set()
    for root in sorted(references):
        stack = [(root, iter(sorted(references[root])))]
        path = [root]
        while stack and root not in finished:
            name, following = stack[-1]
            step = next(following, None)
            if step is None:
                finished.add(name)
                stack.pop()
                path.pop()
            elif step in path:
                cycle = " -> ".join([*path[path.index(step) :], step])
                raise CompileError(f"rule {step} is recursive: {cycle}")
            elif step not in finished:
                stack.append((step, iter(sorted(references.get(step, frozenset())))))
                path.append(step)

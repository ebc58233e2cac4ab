"""How a policy's text must look for regopy, which reads everything as Rego v1. Pure.

In Rego v0 (no `import rego.v1`), `p[x] { ... }` is a set; regopy makes an object
of it. Such heads are rewritten to `p contains x if { ... }`, which means the
same; what cannot be rewritten with certainty is refused. `every` and `with` are
refused: regopy loses variables in the one and aborts in the other.
"""

from collections.abc import Sequence

from evaluator.rego import regopy_tokens
from evaluator.rego.engine import RefusalError
from evaluator.rego.tokens import Kind, Token, tokenize

_REFUSED = {
    "every": "loses variables inside `every`",
    "with": "may abort on `with`",
}
_V1_WORDS = frozenset({"if", "contains", "in"})
_HEAD_ENDS = frozenset({"=", ":=", "if", "contains"})


def prepare(text: str, *, strict: bool = True) -> str:
    """The text for regopy. Raises RefusalError, naming the line.

    Not `strict` is for a text that was compared with OPA as a whole.
    """
    tokens = list(tokenize(text))
    for token in tokens:
        if token.kind is Kind.NAME and token.text in _REFUSED:
            raise RefusalError(f"line {token.line}: this engine {_REFUSED[token.text]}")
    if strict:
        regopy_tokens.check(tokens, _statement_starts(tokens), v1=_imports(tokens, "rego", "v1"))
    if _imports(tokens, "rego", "v1"):
        return text
    if _imports(tokens, "future", "keywords"):
        raise RefusalError("imports future.keywords, which mixes Rego v0 and v1; write `import rego.v1`")
    for number, token in enumerate(tokens):
        called = number + 1 < len(tokens) and tokens[number + 1].text == "("
        if token.kind is Kind.NAME and token.text in _V1_WORDS and not called:
            raise RefusalError(f"line {token.line}: `{token.text}` is a keyword on this engine")
    return _rewrite_sets(text, tokens)


def _imports(tokens: Sequence[Token], *path: str) -> bool:
    wanted = ["import", path[0], ".", path[1]]
    texts = [token.text for token in tokens]
    return any(texts[start : start + 4] == wanted for start in range(len(texts)))


def _rewrite_sets(text: str, tokens: Sequence[Token]) -> str:
    """Every `name[key] {` at the top level as `name contains key if {`."""
    pieces, done = [], 0
    for start in _statement_starts(tokens):
        head = tokens[start : start + 2]
        if len(head) < 2 or head[0].kind is not Kind.NAME or head[1].text != "[":  # noqa: PLR2004
            continue
        close = _closing(tokens, start + 1)
        after = tokens[close + 1] if close + 1 < len(tokens) else None
        if after is not None and after.text in _HEAD_ENDS:
            continue
        if after is None or after.text != "{":
            raise RefusalError(f"line {head[0].line}: cannot tell what this rule head means on this engine")
        body_end = _closing(tokens, close + 1)
        following = tokens[body_end + 1] if body_end + 1 < len(tokens) else None
        if following is not None and following.kind is not Kind.NEWLINE:
            raise RefusalError(f"line {following.line}: chained rule bodies are not read on this engine")
        key = text[head[1].end : tokens[close].start]
        pieces += [text[done : head[0].end], f" contains {key} if "]
        done = after.start
    return "".join([*pieces, text[done:]])


def _statement_starts(tokens: Sequence[Token]) -> list[int]:
    """Indexes of the tokens that begin a line outside all brackets."""
    starts, depth, fresh = [], 0, True
    for number, token in enumerate(tokens):
        if token.kind is Kind.NEWLINE:
            fresh = True
            continue
        if fresh and depth == 0:
            starts.append(number)
        fresh = False
        depth += (token.kind is Kind.OPEN) - (token.kind is Kind.CLOSE)
    return starts


def _closing(tokens: Sequence[Token], opening: int) -> int:
    """Index of the bracket that closes the one at `opening`."""
    depth = 0
    for number in range(opening, len(tokens)):
        depth += (tokens[number].kind is Kind.OPEN) - (tokens[number].kind is Kind.CLOSE)
        if depth == 0:
            return number
    raise RefusalError(f"line {tokens[opening].line}: a bracket is never closed")

"""regorus behind the port: Microsoft's Rust engine, by the `gordon-to-regorus` wheel.

Differences: it raises where OPA gives undefined for some errors of built-ins
(an `error`, no wrong answer), and numbers beyond 64 bits lose precision, so that
documents which hold one are refused.
"""

import json
import re
import time
from typing import Any

import regorus

from evaluator.rego import guards
from evaluator.rego.engine import (
    FILE,
    PACKAGE,
    QUERY,
    RULE,
    Because,
    CompileError,
    EngineError,
    Undefined,
    Value,
)
from evaluator.rego.explain.decider import MAX_DOCUMENT, MAX_SECONDS, Decider
from evaluator.rego.purity import is_pure
from evaluator.rego.regorus_ast import Analysis, analyse
from pipeline.errors import clip

_UNDEFINED = '"<undefined>"'
_LOCATION = re.compile(r"--> [^\n:]*:(\d+):(\d+)")
_MESSAGE = re.compile(r"^error: (.*)", re.MULTILINE | re.DOTALL)
_LONG_NUMBER = re.compile(rb"[0-9]{18}")
_UNKNOWN_FUNCTION = "could not find function"


class Regorus:
    """See `evaluator.rego.engine.RegoEngine`."""

    def compile(self, text: str) -> "RegorusModule":
        """See the port."""
        guards.check_text(text)
        try:
            engine = _parse(text)
            analysis = analyse(_tree(engine))
            _check_shape(analysis)
            guards.check_recursion(analysis.references)
            guards.check_calls(analysis.called, [name for name in analysis.called if _exists(engine, name)])
            engine.eval_query("true")  # finds unsafe variables, without evaluating a rule
        except RuntimeError as error:
            raise _compile_error(str(error)) from error
        return RegorusModule(engine, text, pure=is_pure(analysis.called))


class RegorusModule:
    """See `evaluator.rego.engine.Module`. `engine` is for explanations, in the same process only."""

    def __init__(self, engine: Any, text: str, *, pure: bool) -> None:
        self.engine = engine
        self._text = text
        self._decider: Decider | None = None
        self._asked = False
        self.pure = pure

    def evaluate(self, document: bytes) -> Value | Undefined:
        """See the port."""
        _check_numbers(document)
        start = time.perf_counter()
        try:
            self.engine.set_input_json(document.decode())
            text = self.engine.eval_rule_as_json(QUERY)
        except RuntimeError as error:
            failure = _compile_error(str(error))
            raise EngineError(f"line {failure.line}: {failure.message}") from error
        if text not in (_UNDEFINED, "false"):
            return Value(text.encode())
        cheap = time.perf_counter() - start < MAX_SECONDS and len(document) <= MAX_DOCUMENT
        because = self._because(document) if cheap else None
        return Undefined(because) if text == _UNDEFINED else Value(text.encode(), because)

    def _because(self, document: bytes) -> Because | None:
        """The expression that decided, made ready at the first answer that has no message of its own."""
        if not self._asked:
            self._asked = True
            self._decider = Decider.of(self.engine, self._text, _tree(self.engine))
        return self._decider.find(document) if self._decider else None


def syntax_tree(text: str) -> Any:
    """The syntax tree of a policy that compiles."""
    return _tree(_parse(text))


def _parse(text: str) -> Any:
    engine = regorus.Engine()
    engine.set_rego_v0(True)
    engine.set_policy_length_config(
        max_col=guards.MAX_LINE, max_file_bytes=guards.MAX_TEXT_BYTES, max_lines=guards.MAX_TEXT_BYTES
    )
    engine.add_policy(FILE, text)
    return engine


def _tree(engine: Any) -> Any:
    return json.loads(engine.get_ast_as_json())[0]["ast"]


def _check_shape(analysis: Analysis) -> None:
    if analysis.package != PACKAGE:
        raise CompileError(f"the package is {analysis.package}; it must be {PACKAGE}", 1, 1)
    if RULE not in analysis.rules:
        raise CompileError(f"there is no rule {RULE}; the verdict is the value of {QUERY}")
    if RULE in analysis.functions:
        raise CompileError(f"{RULE} is a function; it must be a rule without arguments")


def _exists(engine: Any, name: str) -> bool:
    """Whether regorus has a built-in: it resolves functions only when a call is reached."""
    try:
        engine.clone().eval_query(f"_ := {name}()")
    except RuntimeError as error:
        return _UNKNOWN_FUNCTION not in str(error)
    return True


def _compile_error(text: str) -> CompileError:
    """Regorus's text as message, line and column; its stack trace is left out."""
    text = text.split("Stack backtrace", 1)[0]
    location = _LOCATION.search(text)
    message = _MESSAGE.search(text)
    line, column = (int(location[1]), int(location[2])) if location else (0, 0)
    return CompileError(clip(message[1] if message else text), line, column)


def _check_numbers(document: bytes) -> None:
    """Refuse numbers beyond 64 bits, of which regorus would keep only the first digits."""
    if not _LONG_NUMBER.search(document):
        return
    stack = [json.loads(document, parse_float=_exact_float)]
    while stack:
        value = stack.pop()
        if isinstance(value, dict):
            stack.extend(value.values())
        elif isinstance(value, list):
            stack.extend(value)
        elif isinstance(value, int) and not -(2**63) <= value < 2**63:
            raise EngineError("the document holds an integer beyond 64 bits, which this engine rounds")


def _exact_float(text: str) -> float:
    digits = text.lower().split("e")[0].replace(".", "").lstrip("-0")
    if len(digits) > 15:  # noqa: PLR2004 - a double keeps 15 decimal digits
        raise EngineError("the document holds a number of more than 15 digits, which this engine rounds")
    return float(text)

"""regorus behind the port: Microsoft's Rust engine, by the `gordon-to-regorus` wheel.

Differences: it raises where OPA gives undefined for errors of built-ins (an
`error`, no wrong answer). What it reads otherwise than OPA is rewritten
(`regorus_negation`, `regorus_products`), done in Python (`regorus_corrections`), or refused
(`regorus_guards`, `regorus_numbers`, `documents`, `known_wrong`).
"""

import json
import re
import time
from typing import Any

import regorus

from evaluator.rego import documents, guards, regorus_guards, regorus_numbers
from evaluator.rego.documents import Needs
from evaluator.rego.engine import (
    FILE,
    PACKAGE,
    QUERY,
    RULE,
    Because,
    CompileError,
    EngineError,
    EngineName,
    RefusalError,
    Undefined,
    Value,
)
from evaluator.rego.explain.decider import MAX_DOCUMENT, MAX_SECONDS, Decider
from evaluator.rego.known_wrong import known_wrong
from evaluator.rego.purity import is_pure
from evaluator.rego.regorus_ast import Analysis, analyse
from evaluator.rego.regorus_corrections import CORRECTIONS
from evaluator.rego.regorus_kinds import check_kinds
from evaluator.rego.regorus_negation import hoist
from evaluator.rego.regorus_products import FUNCTION, check_products
from pipeline.errors import clip

_UNDEFINED = '"<undefined>"'
_LOCATION = re.compile(r"--> [^\n:]*:(\d+):(\d+)")
_MESSAGE = re.compile(r"^error: (.*)", re.MULTILINE | re.DOTALL)
_LINE_WHEN_REWRITTEN = 4 * guards.MAX_LINE
_UNKNOWN_FUNCTION = "could not find function"


class Regorus:
    """See `evaluator.rego.engine.RegoEngine`."""

    def __init__(self, distrusted: frozenset[str] | None = None) -> None:
        """`distrusted`: built-ins it must not call; None for those known to be wrong."""
        self._distrusted = known_wrong(EngineName.REGORUS) if distrusted is None else distrusted

    def compile(self, text: str) -> "RegorusModule":
        """See the port."""
        guards.check_text(text)
        try:
            engine, module = _parse(text)
            analysis = analyse(module)
            _check_shape(analysis)
            guards.check_recursion(analysis.references)
            needs = self._check(text, module, analysis)
            engine, called = _rewritten(engine, text, module, analysis.called)
            known = [name for name in called if _exists(engine, name)]
            guards.check_calls(called, frozenset(known) - self._distrusted)
            for name in called & CORRECTIONS.keys():
                engine.add_extension(name, *CORRECTIONS[name])
            engine.eval_query("true")  # finds unsafe variables, without evaluating a rule
            check_kinds(module, text.encode())
        except RuntimeError as error:
            raise _compile_error(str(error)) from error
        return RegorusModule(engine, text, needs, pure=is_pure(analysis.called))

    def _check(self, text: str, module: dict[str, Any], analysis: Analysis) -> Needs:
        source = text.encode()
        regorus_guards.check_syntax(text, v1=module["rego_v1"])
        regorus_guards.check_rules(module, analysis, source)
        regorus_guards.check_patterns(module, source)
        calculates = regorus_numbers.check_numbers(module, analysis.called, source)
        return Needs(
            ascii_only=bool(analysis.called & regorus_guards.ASCII_ONLY),
            counts_text="count" in analysis.called,
            calculates=calculates,
            shows_numbers=bool(analysis.called & regorus_numbers.SHOW_NUMBERS),
        )


def _parse(text: str) -> tuple[Any, dict[str, Any]]:
    """An engine that has read a text, and the syntax tree."""
    engine = regorus.Engine()
    engine.set_rego_v0(True)
    engine.set_policy_length_config(
        max_col=_LINE_WHEN_REWRITTEN,
        max_file_bytes=2 * guards.MAX_TEXT_BYTES,
        max_lines=guards.MAX_TEXT_BYTES,
    )
    engine.add_policy(FILE, text)
    return engine, json.loads(engine.get_ast_as_json())[0]["ast"]


def _rewritten(
    engine: Any, text: str, module: dict[str, Any], called: frozenset[str]
) -> tuple[Any, frozenset[str]]:
    """An engine that has read the text with what regorus gets wrong rewritten, and what that calls."""
    checked = check_products(text, module)
    if checked != text:
        engine, module = _parse(checked)
        called |= {FUNCTION}
    return _with_negations(engine, checked, module), called


def _with_negations(engine: Any, text: str, module: dict[str, Any]) -> Any:
    """An engine that has read the text as OPA compiles its negations."""
    for turn in range(guards.MAX_NESTING + 1):
        rewritten = hoist(text, module, turn)
        if rewritten == text:
            return engine
        text = rewritten
        engine, module = _parse(text)
    raise RefusalError("negations are nested too deep for this engine")


class RegorusModule:
    """See `evaluator.rego.engine.Module`. `engine` is for explanations, in the same process only."""

    def __init__(self, engine: Any, text: str, needs: Needs, *, pure: bool) -> None:
        self.engine = engine
        self._text = text
        self._needs = needs
        self._decider: Decider | None = None
        self._asked = False
        self.pure = pure

    def evaluate(self, document: bytes) -> Value | Undefined:
        """See the port."""
        documents.check(document, self._needs)
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
            self._decider = Decider.of(self.engine, self._text, syntax_tree(self._text))
        return self._decider.find(document) if self._decider else None


def syntax_tree(text: str) -> Any:
    """The syntax tree of a policy that compiles."""
    return _parse(text)[1]


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

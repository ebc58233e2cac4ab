"""regopy (rego-cpp) behind the port.

Differences: it reads Rego v1 only, so that v0 heads are rewritten
(`regopy_text`); it may call only built-ins that were compared with OPA
(`regopy_builtins`); what its plan leaves unbound is refused (`regopy_plan`).
Refusing more than need be is the price of never being wrong in silence.
"""

import json
import re
import tempfile
from pathlib import Path
from typing import Any

from regopy import Input, Interpreter, LogLevel, RegoError

from evaluator.rego import guards, regopy_plan
from evaluator.rego.documents import Needs, check
from evaluator.rego.engine import (
    FILE,
    PACKAGE,
    QUERY,
    RULE,
    CompileError,
    EngineError,
    EngineName,
    Module,
    RefusalError,
    Undefined,
    Value,
)
from evaluator.rego.known_wrong import digest, known_wrong, vouched
from evaluator.rego.order import members_in_order
from evaluator.rego.purity import is_pure
from evaluator.rego.regopy_builtins import TRUSTED, TRUSTED_ON_INTEGERS, VOUCHED_MAY_CALL
from evaluator.rego.regopy_flow import check_flow
from evaluator.rego.regopy_text import prepare
from pipeline.errors import clip

_RULE_PATH = f"{PACKAGE}.{RULE}"
_LOCATION = re.compile(rf"{re.escape(FILE)}\|(\d+)\|(\d+)")
_MESSAGE = re.compile(r"\(errormsg \d+:([^)\n]*)")


class Regopy:
    """See `evaluator.rego.engine.RegoEngine`."""

    def __init__(self, distrusted: frozenset[str] | None = None) -> None:
        """`distrusted`: built-ins it must not call; None for those known to be wrong."""
        self._distrusted = known_wrong(EngineName.REGOPY) if distrusted is None else distrusted

    def compile(self, text: str) -> Module:
        """See the port. A fresh Interpreter each time: a used one leaks and keeps broken modules."""
        guards.check_text(text)
        strict = digest(text) not in vouched(EngineName.REGOPY)
        text = prepare(text, strict=strict)
        interpreter = Interpreter()
        interpreter.log_level = LogLevel.NONE
        try:
            interpreter.add_module(FILE, text)
            bundle = interpreter.build(QUERY)
        except RegoError as error:
            raise _compile_error(text, str(error)) from error
        if not bundle.ok():
            raise RefusalError("cannot compile the policy and does not say why")
        plan = _plan(interpreter, bundle)
        _check_shape(plan)
        guards.check_recursion(regopy_plan.references(plan))
        called = regopy_plan.called(plan)
        trusted = (TRUSTED | TRUSTED_ON_INTEGERS) - self._distrusted if strict else VOUCHED_MAY_CALL
        guards.check_calls(called, trusted)
        regopy_plan.check_locals(plan)
        regopy_plan.check_integers(plan, TRUSTED_ON_INTEGERS)
        if strict:
            check_flow(plan)
        is_set = regopy_plan.makes_set(plan, _RULE_PATH)
        return _Module(interpreter, bundle, strict=strict, is_set=is_set, pure=is_pure(called))


class _Module:
    def __init__(self, interpreter: Any, bundle: Any, *, strict: bool, is_set: bool, pure: bool) -> None:
        self.pure = pure
        self._interpreter = interpreter
        self._bundle = bundle
        self._is_set = is_set
        self._strict = strict

    def evaluate(self, document: bytes) -> Value | Undefined:
        if self._strict:
            check(document, Needs(calculates=True))
        try:
            self._interpreter.set_input(Input(_in_order(json.loads(document))))
            output = self._interpreter.query_bundle(self._bundle)
            if not output.ok():
                raise EngineError("this engine met an error while it evaluated the policy")
            results = output.results
            expressions = results[0].expressions if results else []
        except (RegoError, ValueError) as error:  # its text holds the whole document: not repeated
            raise EngineError("this engine failed while it evaluated the policy") from error
        if not expressions:
            return Undefined()
        return Value(json.dumps(self._ordered(expressions[0])).encode())

    def _ordered(self, value: Any) -> Any:
        """A set in Rego's order; for what may be either, refuse where the order decides."""
        if not isinstance(value, list):
            return value
        if self._is_set:
            return members_in_order(value)
        passing = [item for item in value if isinstance(item, dict) and item.get("result") is True]
        if any(item != passing[0] for item in passing):
            raise EngineError("this engine cannot tell which of several passing responses comes first")
        return value


def _in_order(value: Any) -> Any:
    """Objects in Rego's order of their names, in which OPA goes through them; this engine keeps theirs."""
    match value:
        case dict():
            return {name: _in_order(value[name]) for name in sorted(value, key=str.encode)}
        case list():
            return [_in_order(item) for item in value]
        case _:
            return value


def _plan(interpreter: Any, bundle: Any) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="tocsin-plan-") as folder:
        interpreter.save_bundle(folder, bundle)
        plan: dict[str, Any] = json.loads((Path(folder) / "plan.json").read_text(encoding="utf-8"))
    return plan


def _check_shape(plan: dict[str, Any]) -> None:
    if _RULE_PATH not in regopy_plan.rules(plan):
        raise CompileError(f"no rule {RULE} in package {PACKAGE}; the verdict is the value of {QUERY}")


def _compile_error(text: str, dump: str) -> CompileError:
    """Regopy's error is a syntax tree; the byte offset in it says where."""
    found = _MESSAGE.search(dump)
    message = clip(found[1]) if found else "this engine cannot parse the policy"
    location = _LOCATION.search(dump)
    if location is None:
        return CompileError(message)
    before = text.encode()[: int(location[1])].decode(errors="ignore")
    line = before.count("\n") + 1
    return CompileError(message, line, len(before.rpartition("\n")[2]) + 1)

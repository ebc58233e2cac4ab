"""What the value of `data.sigstore.isCompliant` means.

Source: cosign, `pkg/cosign/rego/rego.go`. Everything that is not a clear pass
fails closed, with a message that says what was got. Differences: where no
response passes, every member's errors are kept, not the last one's only.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from evaluator.policies.describe import describe
from pipeline.errors import EvaluationError, clip
from pipeline.events import Explanation, Outcome

RULE = "isCompliant"
NOT_COMPLIANT = "policy is not compliant"


@dataclass(frozen=True, slots=True)
class Undefined:
    """The query gave nothing."""


@dataclass(frozen=True, slots=True)
class Defined:
    """The query gave this JSON value. A set comes as a list, in Rego's order of its members."""

    value: Any


Answer = Undefined | Defined


@dataclass(frozen=True, slots=True)
class Judgement:
    """The outcome of one evaluation: pass, warn or fail, and why."""

    outcome: Outcome
    message: str = ""
    warning: str = ""
    explanation: Explanation | None = None
    """Where the answer was a list of responses: all of them, and which one decided."""


@dataclass(frozen=True, slots=True)
class _Response:
    result: bool
    error: str
    warning: str


class _ShapeError(ValueError):
    """A member of the answer is no response; the text says what is wrong."""


def read_answer(text: bytes | None) -> Answer:
    """An engine's JSON text as an answer; None is undefined. Raises EvaluationError when it is no JSON."""
    if text is None:
        return Undefined()
    try:
        return Defined(msgspec.json.decode(text))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise EvaluationError(f"{RULE}: the engine's answer is not JSON: {clip(str(error))}") from error


def judge(answer: Answer) -> Judgement:
    """Read an answer by the Rego contract; total on JSON values."""
    match answer:
        case Undefined() | Defined(value=False):
            return Judgement(Outcome.FAIL, NOT_COMPLIANT)
        case Defined(value=True):
            return Judgement(Outcome.PASS)
        case Defined(value=list(members)):
            return _judge_responses(members)
        case Defined(value=value):
            got = f"expected a boolean or a set of responses, got {_got(value)}"
            return Judgement(Outcome.FAIL, f"{NOT_COMPLIANT}: {RULE}: {got}")


def _judge_responses(members: list[Any]) -> Judgement:
    """In Rego's set order, the first member with `result: true` decides, or the first of a wrong shape."""
    errors: list[str] = []
    warnings: list[str] = []
    for index, member in enumerate(members):
        try:
            response = _read_response(member)
        except _ShapeError as error:
            message = f"{NOT_COMPLIANT}: {RULE}[{index}]{error}"
            return Judgement(Outcome.FAIL, message, explanation=_explain(members, index))
        if response.result:
            outcome = Outcome.WARN if response.warning else Outcome.PASS
            return Judgement(outcome, warning=response.warning, explanation=_explain(members, index))
        errors.append(response.error)
        warnings.append(response.warning)
    return Judgement(
        Outcome.FAIL,
        message=_joined(errors) or NOT_COMPLIANT,
        warning=_joined(warnings),
        explanation=_explain(members),
    )


def _read_response(member: Any) -> _Response:
    if not isinstance(member, dict):
        raise _ShapeError(f": expected an object with result, error, warning, got {_got(member)}")
    fields = _fold(member)
    result = fields.get("result", False)
    if not isinstance(result, bool):
        raise _ShapeError(f".result: expected a boolean, got {describe(result)}")
    return _Response(result, _text(fields, "error"), _text(fields, "warning"))


def _fold(member: Mapping[str, Any]) -> dict[str, Any]:
    """Names without case, the last in order wins, null is absent: as Go's encoding/json reads upstream."""
    return {name.casefold(): value for name, value in sorted(member.items()) if value is not None}


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name, "")
    if not isinstance(value, str):
        raise _ShapeError(f".{name}: expected a string, got {describe(value)}")
    return value


def _got(value: Any) -> str:
    return "null" if value is None else describe(value)


def _joined(texts: list[str]) -> str:
    return "; ".join(dict.fromkeys(text for text in texts if text))


def _explain(members: list[Any], decided: int = -1) -> Explanation:
    """Members that are no objects are shown as `{"value": member}`, so that the index stays true."""
    responses = tuple(member if isinstance(member, dict) else {"value": member} for member in members)
    return Explanation(responses=responses, decided=decided)

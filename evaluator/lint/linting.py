"""Lint one ClusterImagePolicy: its object, its text, and what the engines said of it. Pure, and total.

A mistake of the linter's own must never cost a policy: it becomes a finding, too.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from evaluator.lint import (
    checks_calls,
    checks_choice,
    checks_images,
    checks_kinds,
    checks_object,
    checks_paths,
    checks_redaction,
    checks_text,
    checks_types,
)
from evaluator.lint.analysis import analyse
from evaluator.lint.document import kinds_of
from evaluator.lint.finding import Check, Finding, Severity, in_order
from evaluator.lint.modules import parse as parse_module
from evaluator.lint.subject import Subject, flags_of
from evaluator.lint.suppression import ANNOTATION, without_ignored
from evaluator.lint.syntax import Module, Place
from evaluator.policies.model import MatchRule, Policy
from evaluator.policies.reading import InvalidPolicyError
from evaluator.policies.validation import parse
from evaluator.rego.choice import Choice
from pipeline.events import PolicyApplied, PolicyFinding

_TEXT_CHECKS = (
    checks_text, checks_paths, checks_kinds, checks_types, checks_choice, checks_images, checks_calls,
)  # fmt: skip
CHECKS: tuple[Check, ...] = tuple(
    sorted(
        (check for module in (checks_object, checks_redaction, *_TEXT_CHECKS) for check in module.CHECKS),
        key=lambda check: check.id,
    )
)
"""Everything the linter knows, in the order of the ids."""

MAX_TEXT = 64 * 1024
"""Characters of text that are looked into; published policies are below 10 KiB."""
MAX_FINDINGS = 100
"""Of one policy; the first mistakes explain the others."""

_EXPLAINS_COMPILE = frozenset(
    check.id
    for check in (
        checks_text.EMPTY_BODY,
        checks_text.WRONG_PACKAGE,
        checks_text.NO_VERDICT,
        checks_paths.HYPHEN,
        checks_calls.FORBIDDEN,
    )
)
_START = Place(1, 1, 0, 0)


@dataclass(frozen=True, slots=True)
class _Parsed:
    """An object as far as it is valid."""

    policy: Policy | None
    findings: tuple[Finding, ...]
    match: tuple[MatchRule, ...] = ()


def lint(
    applied: PolicyApplied, choice: Choice, look: checks_redaction.Look = checks_redaction.Look.NEVER
) -> tuple[Finding, ...]:
    """Every finding of a policy, those its author ignores left out.

    `look`: whether it looks at environment values, where those are redacted.
    """
    body = applied.object
    spec = _mapping(body.get("spec"))
    text_fields = _mapping(spec.get("policy"))
    text = text_of(applied)
    found = [*_object(applied, spec), *checks_redaction.find(look)]
    if text:
        try:
            found += _text(applied, text, text_fields, choice)
        except RecursionError:
            found.append(checks_text.NOT_ANALYSED.at(_START, "nested too deeply to be looked into"))
        except Exception as error:  # noqa: BLE001 - whatever it is, the policy has to be loaded
            reason = f"the linter failed ({type(error).__name__}); please report it"
            found.append(checks_text.NOT_ANALYSED.at(_START, reason))
    annotations = _mapping(_mapping(body.get("metadata")).get("annotations"))
    kept = without_ignored(found, text, annotations.get(ANNOTATION))
    return in_order(kept)[:MAX_FINDINGS]


def text_of(applied: PolicyApplied) -> str:
    """The Rego of `spec.policy`, wherever it came from; empty where there is none."""
    fields = _mapping(_mapping(applied.object.get("spec")).get("policy"))
    if fields.get("type") != "rego":
        return ""
    inline = fields.get("data")
    if isinstance(inline, str) and inline:
        return inline
    return next((text.text for text in applied.texts if text.path.startswith("spec.policy.")), "")


def stored(findings: tuple[Finding, ...]) -> tuple[PolicyFinding, ...]:
    """Findings as events and the database hold them."""
    return tuple(
        PolicyFinding(
            rule=each.check.id,
            severity=each.check.severity.value,
            message=f"{each.path}: {each.message}" if each.path else each.message,
            fix=each.fix,
            line=each.line,
            column=each.column,
        )
        for each in findings
    )


def _object(applied: PolicyApplied, spec: dict[str, Any]) -> Iterator[Finding]:
    try:
        policy = parse(applied)
    except InvalidPolicyError as error:
        yield from checks_object.of_invalid(error)
    else:
        yield from checks_object.of_valid(policy, spec)
    yield from checks_object.of_texts(applied.texts)


def _text(
    applied: PolicyApplied, text: str, text_fields: dict[str, Any], choice: Choice
) -> Iterator[Finding]:
    if len(text) > MAX_TEXT:
        yield from _said_by_engines(choice, [])
        yield checks_text.NOT_ANALYSED.at(_START, f"longer than {MAX_TEXT} characters")
        return
    module = parse_module(text)
    subject = Subject(analyse(module, kinds_of(_match(applied))), flags_of(text_fields))
    found = [finding for checks in _TEXT_CHECKS for finding in checks.find(subject)]
    yield from found
    yield from _said_by_engines(choice, found)
    if not choice.error:
        yield from _unread(module)


def _match(applied: PolicyApplied) -> tuple[MatchRule, ...]:
    try:
        return parse(applied).match
    except InvalidPolicyError:
        return ()


def _said_by_engines(choice: Choice, found: list[Finding]) -> Iterator[Finding]:
    """What no engine accepts, unless a finding says it better."""
    if not choice.error:
        return
    if any(each.check.id in _EXPLAINS_COMPILE for each in found):
        return
    place = Place(max(choice.line, 1), max(choice.column, 1), 0, 0)
    trusted = choice.error.startswith("no engine")
    check = checks_text.NO_ENGINE if trusted else checks_text.COMPILE
    yield check.at(place, choice.error)


def _unread(module: Module) -> Iterator[Finding]:
    for problem in module.problems:
        yield checks_text.NOT_ANALYSED.at(problem.place, f"the linter cannot read this: {problem.message}")


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def is_mistake(severity: Severity) -> bool:
    """Whether it counts for the exit code."""
    return severity is not Severity.INFO

"""Why `isCompliant` has the value it has: which body of which rule held, or which expression did not.

Each expression is evaluated with those before it, in the order of the text, or
later where it needs a variable that a later one binds: the first that leaves
nothing is the one that decided. Runs in a worker process (`evaluator.rego.worker`).
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from evaluator.rego.engine import RULE
from evaluator.rego.explain.outline import Body, Outline, Piece, Rule, RuleKind, Statement
from evaluator.rego.explain.probes import ProbeError, Probes
from evaluator.rego.explain.steps import Seen, State, Step
from pipeline.errors import clip

_DEPTH = 4
"""Rules below rules that are explained."""
_STEPS = 40
_VALUES = 5
"""Values shown of one expression."""
_LENGTH = 200
"""Characters shown of one value."""


@dataclass(frozen=True, slots=True)
class _Run:
    """What became of a body. `failed`: the first expression that did not hold."""

    held: tuple[Statement, ...]
    bindings: tuple[dict[str, Any], ...]
    failed: Statement | None = None
    reason: str = ""


@dataclass(slots=True)
class _Tracer:
    outline: Outline
    probes: Probes
    steps: list[Step] = field(default_factory=list)
    runs: dict[int, _Run] = field(default_factory=dict)
    given: dict[int, list[tuple[dict[str, Any], Any]]] = field(default_factory=dict)
    told: set[tuple[str, int, tuple[str, ...]]] = field(default_factory=set)
    """What there is a step of: nothing is explained twice."""


def trace(outline: Outline, probes: Probes) -> tuple[Step, ...]:
    """Explain `isCompliant`: every body of it, and below each the rules that it turned on."""
    tracer = _Tracer(outline, probes)
    _explain(tracer, RULE, (), 0, frozenset())
    return tuple(tracer.steps)


def _explain(tracer: _Tracer, name: str, wanted: Sequence[Any], depth: int, above: frozenset[str]) -> None:
    """Add steps for a rule. `wanted`: values of it that matter; below the top, only what decided."""
    bodies = list(_bodies(tracer, name))
    held = [(rule, body) for rule, body in bodies if _run(tracer, body).failed is None]
    failed = [(rule, body) for rule, body in bodies if _run(tracer, body).failed is not None]
    if wanted:
        giving = [(rule, body) for rule, body in held if _shared(_gave(tracer, body), wanted)]
        held = giving or held
    shown = [*held, *failed] if depth == 0 else held or failed
    for rule, body in shown:
        if len(tracer.steps) >= _STEPS:
            return
        if _add(tracer, rule, body, depth, wanted) and depth < _DEPTH:
            for inner, values in _deciding(tracer, body):
                if inner not in above and inner != name:
                    _explain(tracer, inner, values, depth + 1, above | {name})
    if not held and name in tracer.outline.defaults:
        default = tracer.outline.defaults[name]
        tracer.steps.append(Step(depth, name, default.line, State.DEFAULT, _cut(default), default.line))


def _bodies(tracer: _Tracer, name: str) -> Iterator[tuple[Rule, Body]]:
    """Bodies that are evaluated: an `else` only where nothing before it held; no functions."""
    for rule in tracer.outline.named(name):
        if rule.kind is RuleKind.FUNCTION:
            continue
        for body in rule.bodies:
            yield rule, body
            if rule.kind is RuleKind.COMPLETE and _run(tracer, body).failed is None:
                break


def _run(tracer: _Tracer, body: Body) -> _Run:
    run = tracer.runs.get(id(body))
    if run is None:
        run = tracer.runs[id(body)] = _evaluate(tracer.probes, body)
    return run


def _evaluate(probes: Probes, body: Body) -> _Run:
    held: list[Statement] = []
    bindings: list[dict[str, Any]] = [{}]
    pending = list(body.statements)
    while pending:
        for statement in pending:
            try:
                found = _bindings(probes, [*held, statement])
            except ProbeError as error:
                reason = str(error)
                continue
            if not found:
                return _Run(tuple(held), tuple(bindings), statement)
            held.append(statement)
            pending.remove(statement)
            bindings = found
            break
        else:
            return _Run(tuple(held), tuple(bindings), pending[0], _said(reason))
    return _Run(tuple(held), tuple(bindings))


def _bindings(probes: Probes, statements: Sequence[Statement], value: str = "") -> list[Any]:
    """The variables wherever the statements hold; with a value, pairs of them and it."""
    names = sorted(frozenset().union(*(statement.binds for statement in statements)))
    variables = f"{{{', '.join(f'{json.dumps(name)}: {name}' for name in names)}}}"
    wanted = f"[{variables}, {value}]" if value else variables
    return probes.values((statement.source for statement in statements), wanted)


def _add(tracer: _Tracer, rule: Rule, body: Body, depth: int, wanted: Sequence[Any]) -> bool:
    """Add the step of one body; False where it is there already."""
    run = _run(tracer, body)
    failed = run.failed
    if failed is None:
        step = _held(tracer, rule, body, depth, wanted)
    elif run.reason:
        place = failed.piece
        step = Step(depth, rule.name, body.line, State.UNKNOWN, _cut(place), place.line, reason=run.reason)
    else:
        place = failed.piece
        seen = tuple(_look(tracer.probes, run.held, failed))
        step = Step(depth, rule.name, body.line, State.FAILED, _cut(place), place.line, seen)
    key = (step.rule, step.line, step.gave)
    if depth and key in tracer.told:
        return False
    tracer.told.add(key)
    tracer.steps.append(step)
    return True


def _held(tracer: _Tracer, rule: Rule, body: Body, depth: int, wanted: Sequence[Any]) -> Step:
    given = _given(tracer, body)
    gave = [value for _, value in given]
    gave = _shared(gave, wanted) or gave
    bindings = [variables for variables, value in given if _shared([value], gave)]
    expression = body.value or Piece("true", body.line)
    held = _run(tracer, body).held
    seen = [*_variables(held, bindings, gave), *(_conditions(tracer.probes, held) if depth == 0 else ())]
    return Step(
        depth, rule.name, body.line, State.HELD, _cut(expression), expression.line, tuple(seen), _texts(gave)
    )


def _conditions(probes: Probes, held: Sequence[Statement]) -> Iterator[Seen]:
    """What the expressions of a body that held saw; variables are said already."""
    bound = frozenset().union(*(statement.binds for statement in held))
    told: set[str] = set()
    for number, statement in enumerate(held):
        for seen in _look(probes, held[:number], statement):
            if seen.expression not in bound | told and seen.values:
                told.add(seen.expression)
                yield seen


def _gave(tracer: _Tracer, body: Body) -> list[Any]:
    """The values that a body that held gives: members of a set, the value of a rule."""
    return [value for _, value in _given(tracer, body)]


def _given(tracer: _Tracer, body: Body) -> list[tuple[dict[str, Any], Any]]:
    """The variables of a body that held, and what it gives with them."""
    run = _run(tracer, body)
    if body.value is None:
        return [(binding, True) for binding in run.bindings]
    found = tracer.given.get(id(body))
    if found is None:
        try:
            pairs = _bindings(tracer.probes, run.held, body.value.text)
        except ProbeError:
            pairs = []
        found = tracer.given[id(body)] = [(variables, value) for variables, value in pairs]
    return found


def _deciding(tracer: _Tracer, body: Body) -> Iterator[tuple[str, list[Any]]]:
    """Rules that a body turned on, each with the values of it that matter.

    Where the body held: rules whose values are among its variables. Where it did
    not: all rules that the expression which failed refers to.
    """
    run = _run(tracer, body)
    if run.reason:
        return
    if run.failed is not None:
        for name in run.failed.rules:
            yield name, []
        return
    bound = [value for binding in run.bindings for value in binding.values()]
    rules = dict.fromkeys([*(name for each in run.held for name in each.rules), *body.rules])
    found: dict[str, list[Any]] = {}
    for name in rules:
        for inner in tracer.outline.named(name):
            if inner.kind is not RuleKind.SET:
                continue
            parts = [part for part in inner.bodies if _run(tracer, part).failed is None]
            given = [value for part in parts for value in _gave(tracer, part)]
            if values := _shared(given, bound):
                found.setdefault(name, []).extend(values)
    yield from found.items()


def _look(probes: Probes, held: Sequence[Statement], failed: Statement) -> Iterator[Seen]:
    """The values of the parts of an expression that did not hold."""
    sources = [statement.source for statement in held]
    if failed.declared:
        sources.append(failed.declared.rstrip("\n"))
    for piece in failed.looks_at:
        try:
            values = probes.values(sources, piece.text)
        except ProbeError:
            continue
        if values:
            yield Seen(_cut(piece), _texts(values))
        else:
            yield Seen(_cut(piece), missing=clip(_missing(probes, sources, piece), _LENGTH))


def _missing(probes: Probes, sources: Sequence[str], piece: Piece) -> str:
    for prefix in piece.prefixes:
        try:
            if not probes.values(sources, prefix):
                return prefix
        except ProbeError:
            continue
    return piece.text


def _variables(
    held: Sequence[Statement], bindings: Sequence[dict[str, Any]], gave: Sequence[Any]
) -> Iterator[Seen]:
    """Variables of a body that held, in the order of its text; what it gave is said already."""
    told: set[str] = set()
    for statement in held:
        for name in sorted(statement.binds - told):
            told.add(name)
            values = [binding[name] for binding in bindings]
            if not _shared(values, gave):
                yield Seen(name, _texts(values), line=statement.piece.line)


def _shared(values: Sequence[Any], others: Sequence[Any]) -> list[Any]:
    """Values that are among the others; 1 and true are two."""
    known = {json.dumps(other, sort_keys=True) for other in others}
    return [value for value in values if json.dumps(value, sort_keys=True) in known]


def _texts(values: Sequence[Any]) -> tuple[str, ...]:
    texts = dict.fromkeys(json.dumps(value, ensure_ascii=False) for value in values)
    shown = [clip(text, _LENGTH) for text in list(texts)[:_VALUES]]
    more = len(texts) - _VALUES
    return (*shown, f"and {more} more") if more > 0 else tuple(shown)


def _cut(piece: Piece) -> str:
    """Text of the policy; on one line, as all that is shown."""
    return clip(piece.text, _LENGTH)


def _said(reason: str) -> str:
    return clip(reason.split("Stack backtrace", 1)[0].rpartition("error: ")[2])

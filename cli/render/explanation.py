"""An explanation for people: the outcome, then the rules that led to it, each below what turned on it."""

from collections.abc import Iterator, Sequence
from typing import TextIO

from cli.authoring.accounts import Explained, SeenItem, StepItem
from cli.authoring.layout import Expected
from cli.render.text import printable
from evaluator.rego.explain.steps import State

_INDENT = "  "


def write(items: Sequence[Explained], out: TextIO) -> None:
    """Write each, an empty line between two."""
    for number, item in enumerate(items):
        if number:
            out.write("\n")
        out.writelines(f"{indent}{printable(line)}\n" for indent, line in _lines(item))


def _lines(item: Explained) -> Iterator[tuple[str, str]]:
    yield "", f"{item.resource} ({item.file})"
    head = {
        "image": item.image,
        "policy": f"{item.policy} ({item.policy_file})",
        "outcome": "does not apply" if item.outcome is Expected.SKIP else item.outcome.value,
        "message": item.message,
        "warning": item.warning,
        "because": item.note,
    }
    for name, text in head.items():
        if text:
            yield _INDENT, f"{name:9}{text}"
        if name == "policy":
            for asked in item.asks:
                yield _INDENT, f"{'asks':9}registries for {asked}"
    for step in item.steps:
        indent = _INDENT * (step.depth + 1)
        yield indent, f"{_where(item, step)}: {step.rule} {_became(step)}"
        for line in _details(step):
            yield indent + _INDENT * 2, line


def _became(step: StepItem) -> str:
    match step.state:
        case State.HELD:
            return f"holds, and gives {', '.join(step.gave)}" if step.gave else "holds"
        case State.FAILED:
            return "does not hold"
        case State.DEFAULT:
            return "has its default"
        case State.UNKNOWN:
            return f"could not be taken apart: {step.reason}"


def _details(step: StepItem) -> Iterator[str]:
    """The expression with its line, where that is another one, and what it saw."""
    moved = step.expression_line != step.line or step.state is State.FAILED
    yield f"line {step.expression_line}: {step.source}" if moved and step.expression_line else step.source
    if step.expression not in step.source and step.state is State.FAILED:
        yield step.expression
    for seen in step.seen:
        yield from _seen(seen, step)


def _seen(seen: SeenItem, step: StepItem) -> Iterator[str]:
    if seen.values:
        where = f"line {seen.line}: " if seen.line else ""
        apart = seen.source and seen.source != step.source
        source = f"  ({where}{seen.source})" if apart else ""
        yield f"{seen.expression} = {' | '.join(seen.values)}{source}"
    elif seen.undefined in ("", seen.expression):
        yield f"{seen.expression} is undefined"
    else:
        yield f"{seen.expression} is undefined: there is no {seen.undefined}"


def _where(item: Explained, step: StepItem) -> str:
    return f"{item.policy_file}:{step.line}" if step.line else f"line {step.text_line} of spec.policy.data"

"""An explanation as it is shown: what `tocsin policies explain -o json` prints.

Every key is always there; a text with nothing to say is "", a line that is not known 0.
"""

import msgspec

from cli.authoring.layout import Expected
from cli.authoring.places import TextPlace
from cli.authoring.sources import PolicySource
from evaluator.explaining import Account
from evaluator.rego.explain.steps import State, Step
from pipeline.events import PolicyChecked, ResourceApplied, subject_of


class _Part(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Immutable, camelCase in JSON."""


class SeenItem(_Part, frozen=True):
    """A part of an expression. `values`: JSON texts, cut where long; none where it is undefined."""

    expression: str
    values: tuple[str, ...]
    undefined: str
    """What is undefined already: the expression, or what it starts with."""
    line: int
    """Of a variable: where it got its value, in the policy's file."""
    source: str
    """That line."""


class StepItem(_Part, frozen=True):
    """One body of one rule. `depth`: 0 is isCompliant, 1 a rule that it turned on, and so on."""

    depth: int
    rule: str
    line: int
    """In the policy's file."""
    text_line: int
    """In the policy's text."""
    state: State
    expression: str
    """The one that did not hold; of a body that held, what it gives."""
    expression_line: int
    """In the policy's file."""
    source: str
    """The line that the expression is on."""
    gave: tuple[str, ...]
    seen: tuple[SeenItem, ...]
    reason: str


class Explained(_Part, frozen=True):
    """What one policy says of one object, and why."""

    policy: str
    policy_file: str
    engine: str
    resource: str
    file: str
    image: str
    """Where it is of one image of the object; "" where it is of the object."""
    asks: tuple[str, ...]
    """What the policy asks registries for, of each image."""
    outcome: Expected
    message: str
    warning: str
    note: str
    """What decided where no expression did, or why it is not known."""
    steps: tuple[StepItem, ...]


def explained(
    source: PolicySource,
    place: TextPlace,
    checked: PolicyChecked,
    asked: tuple[str, ...],
    applied: ResourceApplied,
    account: Account,
) -> Explained:
    """Put lines of the file to the steps. `asked`: what the policy asks registries for."""
    judgement = account.finding.judgement if account.finding else None
    return Explained(
        policy=checked.policy.name,
        policy_file=source.found.file,
        engine=checked.engine,
        resource=subject_of(applied.resource),
        file=applied.file,
        image=account.finding.image_key if account.finding else "",
        asks=asked,
        outcome=Expected(judgement.outcome.value) if judgement else Expected.SKIP,
        message=judgement.message if judgement else "",
        warning=judgement.warning if judgement else "",
        note=account.note,
        steps=tuple(_item(step, place) for step in account.steps),
    )


def _item(step: Step, place: TextPlace) -> StepItem:
    return StepItem(
        depth=step.depth,
        rule=step.rule,
        line=place.line(step.line),
        text_line=step.line,
        state=step.state,
        expression=step.expression,
        expression_line=place.line(step.expression_line),
        source=place.source(step.expression_line),
        gave=step.gave,
        seen=tuple(
            SeenItem(
                expression=seen.expression,
                values=seen.values,
                undefined=seen.missing,
                line=place.line(seen.line),
                source=place.source(seen.line),
            )
            for seen in step.seen
        ),
        reason=step.reason,
    )

"""Why a policy says what it says of one resource.

A finding as the evaluator comes to it, and the steps that lead there: taken from
the same text and document by regorus, and given only where it comes to the same
judgement as the engine that decided.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec

from evaluator.asking import informed
from evaluator.evaluation import Finding, Inquiry, conclude, inquire
from evaluator.images.port import KnowsImages
from evaluator.loading import LoadedPolicy
from evaluator.policies.judge import Judgement, judge, read_answer
from evaluator.policies.matching import fits
from evaluator.policies.resources import workload_of
from evaluator.rego.explain.steps import State, Step
from evaluator.rego.protocol import Explained
from evaluator.rego.questions import Evaluates, Question
from pipeline.events import Outcome, ResourceApplied
from pipeline.settings_types import UnmatchedImages


class Explains(Evaluates, Protocol):
    """What answers questions and explains answers: the pool."""

    async def explain(self, text: str, document: bytes) -> Explained:
        """See `evaluator.rego.pool.WorkerPool`."""
        ...


@dataclass(frozen=True, slots=True)
class Account:
    """What there is to say. `finding` None: the policy does not apply to the resource.

    `note`: what decided where no expression did; where it is not known what did, why.
    """

    finding: Finding | None
    steps: tuple[Step, ...] = ()
    note: str = ""
    known: bool = True


async def explain(
    loaded: LoadedPolicy, applied: ResourceApplied, pool: Explains, images: KnowsImages
) -> list[Account]:
    """Evaluate a policy on a resource, and explain each finding: one, or one for each image.

    Raises DocumentError: it is no JSON.
    """
    inquiry = await informed(inquire(applied, [loaded], UnmatchedImages.IGNORE), applied, images, pool)
    questions = _questions(inquiry)
    answers = await pool.evaluate(questions) if questions else []
    findings = conclude(inquiry, answers)
    if not findings:
        return [Account(None, note=_no_match(loaded, applied))]
    documents = [question.document for question in questions for _ in question.modules]
    asked = {
        entry.finding.image_key: document for entry, document in zip(inquiry.asked, documents, strict=True)
    }
    return [await _account(loaded, finding, asked.get(finding.image_key), pool) for finding in findings]


async def _account(loaded: LoadedPolicy, finding: Finding, document: bytes | None, pool: Explains) -> Account:
    if finding.judgement.outcome is Outcome.ERROR:
        return Account(finding, note="the policy could not be evaluated, so nothing decided", known=False)
    if document is None or loaded.module is None:
        return Account(finding, note=_without_rego(finding.judgement))
    explained = await pool.explain(loaded.module.text, document)
    if explained.error:
        return _unknown(finding, explained.error)
    if _said(judge(read_answer(explained.value))) != _said(finding.judgement):
        engine = loaded.module.engine
        return _unknown(finding, f"regorus, which explains, and {engine} do not agree on this policy")
    return Account(finding, tuple(relevant(explained.steps, finding.judgement)))


def _questions(inquiry: Inquiry) -> list[Question]:
    """What to ask, with whole documents. Raises DocumentError when the object is no JSON."""
    return [Question(query.document.encode(), query.modules) for query in inquiry.queries]


def relevant(steps: Sequence[Step], judgement: Judgement) -> Iterator[Step]:
    """Steps that led to the judgement: where it is a pass, what did not hold is beside the point."""
    if judgement.outcome is Outcome.FAIL:
        yield from steps
        return
    explanation = judgement.explanation
    decided = explanation.responses[explanation.decided] if explanation and explanation.responses else None
    keep = False
    for step in steps:
        if step.depth == 0:
            keep = step.state is State.HELD and (decided is None or _gave(step, decided))
        if keep:
            yield step


def _gave(step: Step, decided: object) -> bool:
    """Whether a step gave this member; a text that was cut may be of any."""
    return any(_is_json(text, decided) for text in step.gave)


def _is_json(text: str, value: object) -> bool:
    try:
        return bool(msgspec.json.decode(text) == value)
    except msgspec.DecodeError:
        return True


def _said(judgement: Judgement) -> tuple[Outcome, frozenset[str], str]:
    return judgement.outcome, frozenset(judgement.message.split("; ")), judgement.warning


def _no_match(loaded: LoadedPolicy, applied: ResourceApplied) -> str:
    workload = workload_of(applied)
    policy = loaded.policy
    if policy.match and not any(fits(rule, workload) for rule in policy.match):
        version = f"{workload.group}/{workload.version}" if workload.group else workload.version
        return f"no item of spec.match fits {workload.resource} of {version} with its labels"
    images = ", ".join(sorted({image.name for image in workload.images}))
    return f"no glob of spec.images matches {images or 'it: it has no images'}"


def _without_rego(judgement: Judgement) -> str:
    if judgement.outcome is Outcome.FAIL:
        return "spec.authorities refused it, so that spec.policy was not evaluated"
    return "spec.authorities let it pass, and there is no spec.policy"


def _unknown(finding: Finding, reason: str) -> Account:
    return Account(finding, note=f"which expression decided is not known: {reason}", known=False)

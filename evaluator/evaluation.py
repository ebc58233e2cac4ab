"""What to ask the engines about a resource, and what their answers mean. Pure.

For each policy that matches: decided at once (authorities, a policy that does not
work), or a query for the memo, and behind it the pool. Policies that ask for the
same input document share one query.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from evaluator.loading import TEXT_FIELD, LoadedPolicy
from evaluator.policies.authorities import Failed, Passed, Unknown
from evaluator.policies.document import Document, DocumentBuilder
from evaluator.policies.judge import NOT_COMPLIANT, Judgement, judge, read_answer
from evaluator.policies.matching import matching_images, unmatched_images
from evaluator.policies.resources import workload_of
from evaluator.rego.engine import Because, Undefined, Value
from evaluator.rego.memo import Query
from evaluator.rego.questions import Answer, Failure, Module
from pipeline.errors import DocumentError, EvaluationError
from pipeline.events import Explanation, Image, Mode, Outcome, PolicyRef, ResourceApplied
from pipeline.settings_types import UnmatchedImages

NO_MATCHING_POLICY = PolicyRef(
    name="no-matching-policy", digest="", mode=Mode.WARN, title="Images that no policy matches"
)
"""The pseudo-policy of images no policy matches (upstream: `no-match-policy`)."""


_PASSED = Judgement(Outcome.PASS)

_SHORT = 1024
"""Bytes of an answer that may be kept: the cache stays below a few MiB, whatever policies answer."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one policy says of one resource, before it is compared with what it said last."""

    policy: PolicyRef
    images: tuple[Image, ...]
    judgement: Judgement


@dataclass(frozen=True, slots=True)
class Inquiry:
    """A resource with what is decided already and what has to be asked."""

    decided: tuple[Finding, ...]
    asked: tuple[tuple[PolicyRef, tuple[Image, ...], Module], ...]
    """In the order of the queries' modules."""
    queries: tuple[Query, ...]


def inquire(
    applied: ResourceApplied, policies: Iterable[LoadedPolicy], unmatched: UnmatchedImages
) -> Inquiry:
    """Find the policies that apply to a resource, and what has to be evaluated."""
    policies = list(policies)
    try:
        workload = workload_of(applied)
    except DocumentError as error:
        refs = [loaded.policy.ref for loaded in policies]
        return Inquiry(tuple(Finding(ref, (), _error(str(error))) for ref in refs), (), ())
    decided: list[Finding] = []
    asked: dict[Document, list[tuple[PolicyRef, tuple[Image, ...], Module]]] = {}
    covered: list[Image] = []
    documents = DocumentBuilder(applied)
    for loaded in policies:
        images = matching_images(loaded.policy, workload)
        if images is None:
            continue
        covered += images
        way = _decide(loaded)
        if isinstance(way, Judgement):
            decided.append(Finding(loaded.policy.ref, images, way))
        elif loaded.document_key is not None:
            document = documents.build(loaded.document_key)
            asked.setdefault(document, []).append((loaded.policy.ref, images, way))
    if unmatched is UnmatchedImages.WARN and (left := unmatched_images(workload, covered)):
        decided.append(Finding(NO_MATCHING_POLICY, left, _unmatched(left)))
    return Inquiry(
        tuple(decided),
        tuple(entry for entries in asked.values() for entry in entries),
        tuple(Query(document, tuple(entry[2] for entry in entries)) for document, entries in asked.items()),
    )


def conclude(inquiry: Inquiry, answers: Sequence[Sequence[Answer]]) -> list[Finding]:
    """All findings of a resource, ordered by policy name. `answers`: of each query, in order."""
    flat = [answer for row in answers for answer in row]
    findings = list(inquiry.decided)
    for (ref, images, module), answer in zip(inquiry.asked, flat, strict=True):
        findings.append(Finding(ref, images, _judge(answer, module.engine)))
    return sorted(findings, key=lambda finding: finding.policy.name)


def _decide(loaded: LoadedPolicy) -> Judgement | Module:
    """What is known at once; else what has to be evaluated."""
    match loaded.admission:
        case Failed(message):
            return Judgement(Outcome.FAIL, message)
        case Unknown(reason):
            return _error(reason)
        case Passed():
            if loaded.policy.rego is None:
                return _PASSED
            if loaded.module is None or loaded.problem:
                return _error(loaded.problem)
            return loaded.module


def _judge(answer: Answer, engine: str) -> Judgement:
    match answer:
        case Value(json, because):
            return _explained(_judge_known(json) if len(json) <= _SHORT else _judge_text(json), because)
        case Undefined(because):
            return _explained(_judge_known(None), because)
        case Failure(reason):
            return _error(f"could not be evaluated by {engine}: {reason}")


def _explained(judgement: Judgement, because: Because | None) -> Judgement:
    """Why it failed, where the policy itself has nothing to say."""
    if because is None or judgement.message != NOT_COMPLIANT:
        return judgement
    explanation = Explanation(file=TEXT_FIELD, line=because.line, expression=because.expression)
    return replace(judgement, explanation=explanation)


@lru_cache(maxsize=4096)
def _judge_known(text: bytes | None) -> Judgement:
    """Most answers are the same few: compliant, or one of a few hundred messages."""
    return _judge_text(text)


def _judge_text(text: bytes | None) -> Judgement:
    try:
        return judge(read_answer(text))
    except EvaluationError as error:
        return _error(str(error))


def _error(message: str) -> Judgement:
    return Judgement(Outcome.ERROR, message)


def _unmatched(images: Sequence[Image]) -> Judgement:
    names = ", ".join(sorted({image.name for image in images}))
    return Judgement(Outcome.WARN, warning=f"no policy matches {names}")

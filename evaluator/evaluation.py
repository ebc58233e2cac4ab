"""What to ask the engines about a resource, and what their answers mean. Pure.

For each policy that matches: decided at once (authorities, a policy that does not
work), or a query for the memo, and behind it the pool. Policies that ask for the
same input document share one query.

A policy that depends on an image's config (`fetchConfigFile`) or signatures is asked of
each image by itself. What is needed is in the inquiry (`wants`); `complete` takes it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from msgspec import structs

from evaluator.lint.checks_redaction import SETTING, has_redacted
from evaluator.loading import LoadedPolicy
from evaluator.policies.authorities import Depends, Failed, Passed, Unknown, settle
from evaluator.policies.configs import Found, Unavailable, Wanted, each_image, wanted
from evaluator.policies.document import Document, DocumentBuilder, document_key
from evaluator.policies.judge import NOT_COMPLIANT, Judgement, judge, read_answer
from evaluator.policies.matching import matching_images, unmatched_images
from evaluator.policies.model_authorities import Signer
from evaluator.policies.model_text import Rego
from evaluator.policies.resources import workload_of
from evaluator.policies.signatures import Verification
from evaluator.rego.engine import Because, Undefined, Value
from evaluator.rego.memo import Query
from evaluator.rego.questions import Answer, Failure, Module
from pipeline.errors import DocumentError, EvaluationError
from pipeline.events import REDACTED, Explanation, Image, Mode, Outcome, PolicyRef, ResourceApplied
from pipeline.settings_types import UnmatchedImages

NO_MATCHING_POLICY = PolicyRef(
    name="no-matching-policy", digest="", mode=Mode.WARN, title="Images that no policy matches"
)
"""The pseudo-policy of images no policy matches (upstream: `no-match-policy`)."""


ToVerify = tuple[Wanted, Signer]
"""An image, and the authority that may have signed it."""

_PASSED = Judgement(Outcome.PASS)
_UNSEEN = (
    f"cannot be judged: the policy reads environment values, which are {REDACTED} ({SETTING} keeps them)"
)

_SHORT = 1024
"""Bytes of an answer that may be kept: the cache stays below a few MiB, whatever policies answer."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one policy says of one resource, before it is compared with what it said last."""

    policy: PolicyRef
    images: tuple[Image, ...]
    judgement: Judgement
    image: Image | None = None
    """Set where it is of one image; `images` is empty then."""
    image_key: str = ""
    """What sets the verdicts of one resource's images apart."""
    config_digest: str = ""
    """Of the image's config that was judged."""
    retry_after: float | None = None
    """Where the registry gave no answer: seconds that it wants to be left alone for."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """Whose answer a query's answer is: a finding that has no judgement yet.

    `field`: of the policy, what lines of its text are lines of.
    """

    finding: Finding
    module: Module
    field: str


@dataclass(frozen=True, slots=True)
class _Want:
    """A policy that needs to know something of an image."""

    loaded: LoadedPolicy
    image: Image
    image_key: str


@dataclass(frozen=True, slots=True)
class Inquiry:
    """A resource with what is decided already and what has to be asked."""

    decided: tuple[Finding, ...]
    asked: tuple[_Asked, ...]
    """In the order of the queries' modules."""
    queries: tuple[Query, ...]
    wants: tuple[_Want, ...] = ()
    """What cannot be asked before more is known of images."""
    documents: DocumentBuilder | None = None

    @property
    def wanted(self) -> frozenset[Wanted]:
        """The images whose configs are needed."""
        return frozenset(wanted(want.image) for want in self.wants if want.loaded.fetches)

    @property
    def to_verify(self) -> frozenset[ToVerify]:
        """The images whose signatures are needed, with the authorities that they are verified for."""
        return frozenset(
            (wanted(want.image), signer)
            for want in self.wants
            if isinstance(want.loaded.admission, Depends)
            for signer in want.loaded.admission.signers
        )

    @property
    def on_statements(self) -> Mapping[Rego, Module]:
        """What evaluates the policies on attestations."""
        return {rego: module for want in self.wants for rego, module in want.loaded.on_statements.items()}


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
    asked: dict[Document, list[_Asked]] = {}
    wants: list[_Want] = []
    covered: list[Image] = []
    documents = DocumentBuilder(applied)
    for loaded in policies:
        images = matching_images(loaded.policy, workload)
        if images is None:
            continue
        covered += images
        way = _decide(loaded)
        if isinstance(way, Judgement):
            decided += _known(loaded, images, way)
        elif loaded.reads_redacted and has_redacted(applied):
            decided += _known(loaded, images, _error(_UNSEEN))
        elif isinstance(way, Depends) or loaded.fetches:
            wants += (_Want(loaded, image, key) for key, image in each_image(images))
        elif loaded.document_key is not None:
            document = documents.build(loaded.document_key)
            entry = _Asked(Finding(loaded.policy.ref, images, _PASSED), way, loaded.text_field)
            asked.setdefault(document, []).append(entry)
    if unmatched is UnmatchedImages.WARN and (left := unmatched_images(workload, covered)):
        decided.append(Finding(NO_MATCHING_POLICY, left, _unmatched(left)))
    return Inquiry(tuple(decided), *_queries(asked), tuple(wants), documents if wants else None)


def _known(loaded: LoadedPolicy, images: tuple[Image, ...], judgement: Judgement) -> Iterator[Finding]:
    """What is said without asking. An error takes the place of what was said before, of each image, too."""
    ref = loaded.policy.ref
    if judgement.outcome is Outcome.ERROR and loaded.of_images:
        yield from (Finding(ref, (), judgement, image, key) for key, image in each_image(images))
    else:
        yield Finding(ref, images, judgement)


def complete(
    inquiry: Inquiry, found: Mapping[Wanted, Found], verified: Mapping[ToVerify, Verification]
) -> Inquiry:
    """Ask what could not be asked before. `found`, `verified`: of all that is `wanted` and `to_verify`."""
    decided = list(inquiry.decided)
    asked: dict[Document, list[_Asked]] = {}
    for want in inquiry.wants:
        way = _complete(want, found, verified, inquiry.documents)
        if isinstance(way, Finding):
            decided.append(way)
        else:
            document, entry = way
            asked.setdefault(document, []).append(entry)
    more, queries = _queries(asked)
    return Inquiry(tuple(decided), inquiry.asked + more, inquiry.queries + queries)


def _complete(
    want: _Want,
    found: Mapping[Wanted, Found],
    verified: Mapping[ToVerify, Verification],
    documents: DocumentBuilder | None,
) -> Finding | tuple[Document, _Asked]:
    """What is known now; else what has to be evaluated."""
    policy, of = want.loaded.policy, wanted(want.image)
    finding = Finding(policy.ref, (), _PASSED, want.image, want.image_key)
    admission = want.loaded.admission
    if isinstance(admission, Depends):
        admission = settle(policy, {each: verified[of, each] for each in admission.signers})
    match admission:
        case Failed(message):
            return replace(finding, judgement=Judgement(Outcome.FAIL, message))
        case Unknown(reason, retry_after):
            return replace(finding, judgement=_error(reason), retry_after=retry_after)
    if policy.rego is None or want.loaded.module is None or documents is None:
        return finding
    config = found[of] if want.loaded.fetches else None
    if isinstance(config, Unavailable):
        error = _error(f"no image config: {config.reason}")
        return replace(finding, judgement=error, retry_after=config.retry_after)
    if config is not None:
        image = structs.replace(want.image, tag_digest=config.tag_digest)
        finding = replace(finding, image=image, config_digest=config.digest)
    key = document_key(policy.rego, admission.authority_matches)
    return documents.build(key, config), _Asked(finding, want.loaded.module, want.loaded.text_field)


def _queries(asked: Mapping[Document, Sequence[_Asked]]) -> tuple[tuple[_Asked, ...], tuple[Query, ...]]:
    return (
        tuple(entry for entries in asked.values() for entry in entries),
        tuple(
            Query(document, tuple(entry.module for entry in entries)) for document, entries in asked.items()
        ),
    )


def conclude(inquiry: Inquiry, answers: Sequence[Sequence[Answer]]) -> list[Finding]:
    """All findings of a resource, ordered by policy and image. `answers`: of each query, in order."""
    flat = [answer for row in answers for answer in row]
    findings = list(inquiry.decided)
    for asked, answer in zip(inquiry.asked, flat, strict=True):
        judgement = judge_answer(answer, asked.module.engine, asked.field)
        findings.append(replace(asked.finding, judgement=judgement))
    return sorted(findings, key=lambda finding: (finding.policy.name, finding.image_key))


def _decide(loaded: LoadedPolicy) -> Judgement | Module | Depends:
    """What is known at once; else what has to be evaluated, or what it depends on."""
    match loaded.admission:
        case Failed(message):
            return Judgement(Outcome.FAIL, message)
        case Unknown(reason):
            return _error(reason)
        case Passed() | Depends() as admission:
            if loaded.policy.rego is None:
                return admission if isinstance(admission, Depends) else _PASSED
            if loaded.module is None or loaded.problem:
                return _error(loaded.problem)
            return admission if isinstance(admission, Depends) else loaded.module


def judge_answer(answer: Answer, engine: str, field: str) -> Judgement:
    """What an engine's answer means. `field`: what lines of the policy's text are lines of."""
    match answer:
        case Value(json, because):
            known = _judge_known(json) if len(json) <= _SHORT else _judge_text(json)
            return _explained(known, because, field)
        case Undefined(because):
            return _explained(_judge_known(None), because, field)
        case Failure(reason):
            return _error(f"could not be evaluated by {engine}: {reason}")


def _explained(judgement: Judgement, because: Because | None, field: str) -> Judgement:
    """Why it failed, where the policy itself has nothing to say."""
    if because is None or judgement.message != NOT_COMPLIANT:
        return judgement
    explanation = Explanation(file=field, line=because.line, expression=because.expression)
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

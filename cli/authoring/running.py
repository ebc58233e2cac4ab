"""One policy on some objects, by the pieces the evaluator is made of."""

from collections.abc import Sequence
from dataclasses import dataclass

from cli.authoring.cases import Case
from cli.authoring.configs import IMAGE_CONFIG, AnnotatedConfigs, without_config
from cli.authoring.discovery import Suite
from cli.authoring.layout import Expected
from cli.authoring.report import CaseReport, PolicyReport, Status
from cli.authoring.sources import PolicySource
from evaluator.asking import informed
from evaluator.evaluation import Finding, Inquiry, conclude, inquire
from evaluator.images.port import NoImages
from evaluator.loading import LoadedPolicy, load
from evaluator.rego.memo import Memo
from evaluator.rego.questions import Rego
from pipeline.events import Outcome, PolicyChecked, ResourceApplied
from pipeline.settings import Settings
from pipeline.settings_types import UnmatchedImages

_NO_CONFIGS = NoImages(f"the object has no annotation {IMAGE_CONFIG}")
_WORSE = (Outcome.PASS, Outcome.WARN, Outcome.FAIL, Outcome.ERROR)


@dataclass(frozen=True, slots=True)
class Got:
    """What a policy said of an object; `skip` where it does not apply."""

    outcome: Expected
    message: str = ""


async def run_suite(suite: Suite, cases: Sequence[Case], pool: Rego, settings: Settings) -> PolicyReport:
    """Load the policy, evaluate it on the object of every case, compare."""
    loaded, checked = await load_source(suite.source, pool, settings)
    problem = checked.error or checked.unsupported
    if loaded is None:
        gots = [Got(Expected.ERROR, problem)] * len(cases)
    else:
        findings = await findings_of(loaded, [case.applied for case in cases], pool)
        gots = [_got(finding) for finding in findings]
    name = checked.policy.name
    return PolicyReport(
        name=name,
        file=suite.source.found.file,
        line=suite.source.found.place.line,
        engine=checked.engine,
        problem=problem,
        cases=tuple(_compare(name, case, got) for case, got in zip(cases, gots, strict=True)),
    )


async def load_source(
    source: PolicySource, pool: Rego, settings: Settings
) -> tuple[LoadedPolicy | None, PolicyChecked]:
    """See `evaluator.loading.load`."""
    return await load(source.applied(settings.cluster), pool, settings.engine)


async def findings_of(
    loaded: LoadedPolicy, resources: Sequence[ResourceApplied], pool: Rego
) -> list[Finding | None]:
    """What the policy says of each resource, of several images the worst; None where it does not apply."""
    inquiries = [await _inquire(loaded, applied, pool) for applied in resources]
    queries = [query for inquiry in inquiries for query in inquiry.queries]
    answers = iter(await Memo(pool).evaluate(queries) if queries else [])
    found = [conclude(inquiry, [next(answers) for _ in inquiry.queries]) for inquiry in inquiries]
    return [max(findings, key=_weight, default=None) for findings in found]


async def _inquire(loaded: LoadedPolicy, applied: ResourceApplied, pool: Rego) -> Inquiry:
    """With configs as the object gives them: a test asks no registry."""
    inquiry = inquire(without_config(applied), [loaded], UnmatchedImages.IGNORE)
    return await informed(inquiry, applied, AnnotatedConfigs(_NO_CONFIGS, applied), pool)


def _weight(finding: Finding) -> int:
    return _WORSE.index(finding.judgement.outcome)


def _got(finding: Finding | None) -> Got:
    if finding is None:
        return Got(Expected.SKIP)
    judgement = finding.judgement
    return Got(Expected(judgement.outcome.value), judgement.message or judgement.warning)


def _compare(policy: str, case: Case, got: Got) -> CaseReport:
    status, reason = _verdict(case, got)
    return CaseReport(
        policy=policy,
        file=case.file,
        line=case.line,
        resource=case.resource,
        expected=case.expected,
        expected_message=case.message,
        got=got.outcome,
        message=got.message,
        status=status,
        reason=reason,
    )


def _verdict(case: Case, got: Got) -> tuple[Status, str]:
    if got.outcome is case.expected:
        if case.message in got.message:
            return Status.PASSED, ""
        said = f'"{got.message}"' if got.message else "no message"
        return Status.FAILED, f'expected {case.expected} with "{case.message}", got {got.outcome} with {said}'
    said = f": {got.message}" if got.message else ""
    if got.outcome is Expected.SKIP:
        return Status.FAILED, f"expected {case.expected}, but the object does not match the policy"
    if case.expected is Expected.SKIP:
        return Status.FAILED, f"expected no match, got {got.outcome}{said}"
    status = Status.ERROR if got.outcome is Expected.ERROR else Status.FAILED
    return status, f"expected {case.expected}, got {got.outcome}{said}"

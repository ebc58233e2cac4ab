"""`tocsin policies diff`: what policies would change, found before anyone applies them.

The inventory is read page by page, so that memory does not grow with it. Nothing is written.
"""

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from cli.database import reader_of
from cli.invoke import complain, reader_may_leave
from cli.options import ShowFormat
from cli.render.whatif import write_what_if
from cli.whatif.comparing import Tally, Workload
from cli.whatif.policies import load_candidates, read_candidates
from cli.whatif.waivers import counting, read_waivers
from cli.wire import images_for, now
from evaluator.asking import informed
from evaluator.evaluation import Finding, conclude, inquire
from evaluator.images.port import KnowsImages
from evaluator.loading import LoadedPolicy
from evaluator.rego.engines import Engines
from evaluator.rego.memo import Memo
from evaluator.verdicts import waived_by
from evaluator.waivers import Waivers
from pipeline.errors import EvaluationError, ExitCode
from pipeline.events import Mode, ResourceApplied, ResourceRef
from pipeline.settings import load_settings
from pipeline.settings_types import EngineChoice, UnmatchedImages
from pipeline.waivers import WaiverRef
from sink.queries.inventory import Kept, count_without_object, current_policies, inventory
from sink.queries.model import Standing
from sink.queries.reader import Reader
from sink.queries.readiness import known_clusters
from sink.queries.standings import standings
from sink.queries.terms import terms
from sink.queries.waivers import waivers_of


@dataclass(frozen=True, slots=True)
class DiffOptions:
    """What the command line says beyond settings."""

    paths: tuple[str, ...]
    waivers: tuple[str, ...]
    clusters: tuple[str, ...]
    namespaces: tuple[str, ...]
    output: ShowFormat
    exit_code: bool


async def diff(options: DiffOptions, *, db: str | None, engine: EngineChoice | None) -> ExitCode:
    """Evaluate on the inventory, compare, print. Raises UsageError, StoreError, EvaluationError."""
    settings = load_settings(db=db, engine=engine)
    candidates = read_candidates(options.paths, settings)
    new = read_waivers(options.waivers, settings)
    where = (terms(options.clusters), terms(options.namespaces))
    async with (
        reader_of(settings) as reader,
        Engines.start(settings.evaluator) as engines,
        images_for(settings) as images,
    ):
        loaded, problems = await load_candidates(candidates.policies, engines, settings)
        problems = [*candidates.failures, *problems, *new.problems]
        for problem in problems:
            complain(problem)
        current = {
            (each.cluster, each.name): Mode(each.mode)
            for each in await current_policies(reader, where[0])
            if each.mode
        }
        clusters = await known_clusters(reader)
        waivers = counting(await waivers_of(reader, where[0]), new, clusters)
        tally = Tally({each.policy.ref.name: each.policy.ref.mode for each in loaded}, current)
        memo = Memo(engines)
        if loaded:
            async for page in inventory(reader, *where):
                await _compare(page, loaded, tally, waivers, reader, memo, images)
            if not tally.resources:
                raise EvaluationError(_nothing(options))
            if left := await count_without_object(reader, *where):
                problems.append(f"{left} resources were seen by an older release only: not evaluated")
                complain(problems[-1])
    with reader_may_leave():
        write_what_if(tally.result(), options.output, sys.stdout)
    if options.exit_code and tally.objections:
        return ExitCode.VIOLATIONS
    return ExitCode.FAILED if problems or tally.errors else ExitCode.OK


def _nothing(options: DiffOptions) -> str:
    said = [
        *(f"cluster {each}" for each in options.clusters),
        *(f"namespace {n}" for n in options.namespaces),
    ]
    where = f" of {', '.join(said)}" if said else ""
    return f"the database holds no resource{where}: `tocsin run` and `tocsin scan --db` fill it"


async def _compare(
    page: Sequence[Kept],
    loaded: Sequence[LoadedPolicy],
    tally: Tally,
    waivers: Waivers,
    reader: Reader,
    memo: Memo,
    images: KnowsImages,
) -> None:
    names = [each.policy.ref.name for each in loaded]
    moment = now()
    before = await standings(reader, [kept.key for kept in page], names, moment)
    applied = [_applied(kept) for kept in page]
    found = await _ask(applied, loaded, memo, images)
    for kept, resource, findings in zip(page, applied, found, strict=True):
        tally.looked_at(kept.cluster)
        workload = _workload(kept)
        for name in names:
            said = [each for each in findings if each.policy.name == name]
            after = [_standing(each, waived_by(waivers, resource, each, moment)) for each in said]
            tally.add(name, workload, before.get((kept.key, name), ()), after)


async def _ask(
    applied: Sequence[ResourceApplied], loaded: Sequence[LoadedPolicy], memo: Memo, images: KnowsImages
) -> list[list[Finding]]:
    """Findings of each resource, in order. Registries are asked all at once, the engines once for all."""
    asked = (
        informed(inquire(each, loaded, UnmatchedImages.IGNORE), each, images, memo.engines)
        for each in applied
    )
    inquiries = await asyncio.gather(*asked)
    queries = [query for inquiry in inquiries for query in inquiry.queries]
    answers = iter(await memo.evaluate(queries) if queries else [])
    return [conclude(inquiry, [next(answers) for _ in inquiry.queries]) for inquiry in inquiries]


def _standing(finding: Finding, waiver: WaiverRef | None) -> Standing:
    judgement = finding.judgement
    message = judgement.message or judgement.warning
    return Standing(
        outcome=judgement.outcome,
        mode=finding.policy.mode,
        message=message,
        waiver=waiver.name if waiver else "",
        image=finding.image_key,
    )


def _workload(kept: Kept) -> Workload:
    kind, name = kept.resource.kind, kept.resource.name
    if kept.owner_name:
        kind, name = kept.owner_kind, kept.owner_name
    return Workload(kept.cluster, kept.resource.namespace, kind, name)


def _applied(kept: Kept) -> ResourceApplied:
    """The resource as it was on the log, but for the apiVersion of its owner, which no policy sees."""
    owner = ResourceRef(
        api_version="", kind=kept.owner_kind, namespace=kept.resource.namespace, name=kept.owner_name
    )
    return ResourceApplied(
        cluster=kept.cluster,
        resource=kept.resource,
        digest=kept.digest,
        object=kept.object,
        owner=owner if kept.owner_name else None,
        file=kept.file,
    )

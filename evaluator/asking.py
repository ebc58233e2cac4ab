"""Asks what an inquiry needs to know of images, all of it at once."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from evaluator.evaluation import Inquiry, complete, judge_answer
from evaluator.images.port import KnowsImages
from evaluator.policies.judge import Judgement
from evaluator.policies.model_text import Rego
from evaluator.rego.questions import Evaluates, Module, Question
from pipeline.events import ResourceApplied


@dataclass(frozen=True, slots=True)
class StatementJudge:
    """See `evaluator.images.port.JudgesStatements`: engines, with what was compiled for them."""

    engines: Evaluates
    modules: Mapping[Rego, Module]

    async def judge(self, rego: Rego, statement: bytes) -> Judgement:
        """What a policy on an attestation says of it."""
        module = self.modules[rego]
        ((answer,),) = await self.engines.evaluate([Question(statement, (module,))])
        return judge_answer(answer, module.engine, rego.field)


async def informed(
    inquiry: Inquiry, applied: ResourceApplied, images: KnowsImages, engines: Evaluates
) -> Inquiry:
    """The inquiry when nothing is missing any more. Nothing is asked where nothing is needed.

    `engines`: for the policies on attestations.
    """
    if not inquiry.wants:
        return inquiry
    wanted, to_verify = list(inquiry.wanted), list(inquiry.to_verify)
    judge = StatementJudge(engines, inquiry.on_statements)
    found, verified = await asyncio.gather(
        asyncio.gather(*(images.find(each, applied) for each in wanted)),
        asyncio.gather(*(images.verify(image, signer, applied, judge) for image, signer in to_verify)),
    )
    return complete(
        inquiry, dict(zip(wanted, found, strict=True)), dict(zip(to_verify, verified, strict=True))
    )

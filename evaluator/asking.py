"""Asks what an inquiry needs to know of images, all of it at once."""

import asyncio

from evaluator.evaluation import Inquiry, complete
from evaluator.images.port import KnowsImages
from pipeline.events import ResourceApplied


async def informed(inquiry: Inquiry, applied: ResourceApplied, images: KnowsImages) -> Inquiry:
    """The inquiry when nothing is missing any more. Nothing is asked where nothing is needed."""
    if not inquiry.wants:
        return inquiry
    wanted, to_verify = list(inquiry.wanted), list(inquiry.to_verify)
    found, verified = await asyncio.gather(
        asyncio.gather(*(images.find(each, applied) for each in wanted)),
        asyncio.gather(*(images.verify(image, signer, applied) for image, signer in to_verify)),
    )
    return complete(
        inquiry, dict(zip(wanted, found, strict=True)), dict(zip(to_verify, verified, strict=True))
    )

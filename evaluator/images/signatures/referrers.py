"""Carrier: manifests that refer to an image (OCI 1.1, "Listing Referrers")."""

from collections.abc import AsyncIterator

from evaluator.images.signatures.candidates import Candidate
from evaluator.images.signatures.looking import Looking


async def referring(looking: Looking) -> AsyncIterator[Candidate]:
    """What refers to the image and may be what is looked for."""
    for each in await looking.referrers():
        if looking.form.may_refer(each):
            async for found in looking.under_digest(each.digest):
                yield found

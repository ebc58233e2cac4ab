"""Carrier: the tag that cosign derives from a digest, such as `sha256-HEX.sig` and `sha256-HEX.att`."""

from collections.abc import AsyncIterator

from evaluator.images.signatures.candidates import Candidate
from evaluator.images.signatures.looking import Looking


async def tagged(looking: Looking, prefix: str) -> AsyncIterator[Candidate]:
    """What is under the tag. `prefix`: the authority's `source.tagPrefix`."""
    async for each in looking.under_tag(f"{prefix}{looking.digest.replace(':', '-')}.{looking.form.suffix}"):
        yield each

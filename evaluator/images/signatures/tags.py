"""Carrier of signatures: the tag that cosign derives from a digest, such as `sha256-HEX.sig`."""

from collections.abc import AsyncIterator

from evaluator.images.signatures.candidates import Candidate
from evaluator.images.signatures.looking import Looking

SIGNATURES = "sig"


async def tagged(looking: Looking, prefix: str, suffix: str) -> AsyncIterator[Candidate]:
    """What is under the tag. `prefix`: the authority's `source.tagPrefix`."""
    async for each in looking.under_tag(f"{prefix}{looking.digest.replace(':', '-')}.{suffix}"):
        yield each

"""Carrier of signatures: manifests that refer to an image (OCI 1.1, "Listing Referrers")."""

from collections.abc import AsyncIterator

from evaluator.images.signatures.bundles import MEDIA_TYPE
from evaluator.images.signatures.candidates import Candidate
from evaluator.images.signatures.looking import Looking

_MAY_BE = ("application/vnd.dev.cosign.artifact.sig.v1+json", "application/vnd.oci.empty.v1+json")
"""cosign's own, and what go-containerregistry calls a bundle where a tag stands in for the API."""


async def referring(looking: Looking) -> AsyncIterator[Candidate]:
    """What refers to the image and may be a signature of it."""
    for each in await looking.referrers():
        if each.artifact_type in _MAY_BE or each.artifact_type.startswith(MEDIA_TYPE):
            async for found in looking.under_digest(each.digest):
                yield found

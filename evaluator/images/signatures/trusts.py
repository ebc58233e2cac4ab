"""From an authority to what it trusts, by its kind."""

import asyncio
from collections.abc import Callable
from datetime import datetime

from evaluator.images.keyless.demands import witnesses_of
from evaluator.images.keyless.outcomes import UnverifiableError
from evaluator.images.keyless.roots import TrustRoots
from evaluator.images.signatures.by_certificate import certificate_trust
from evaluator.images.signatures.by_key import key_trusts
from evaluator.images.signatures.trust import NoTrustError, Trust
from evaluator.policies.model_authorities import Key, Keyless, Signer


async def trusts_of(signer: Signer, roots: TrustRoots, now: Callable[[], datetime]) -> tuple[Trust, ...]:
    """What an authority trusts, in order: of a signature, any of it is enough. Raises NoTrustError.

    In a thread: a trust root may be a file, and the libraries that read it are slow to load.
    """
    try:
        return await asyncio.to_thread(_trusts_of, signer, roots, now)
    except UnverifiableError as error:
        raise NoTrustError(str(error)) from error


def _trusts_of(signer: Signer, roots: TrustRoots, now: Callable[[], datetime]) -> tuple[Trust, ...]:
    match signer:
        case Key(key=key):
            return key_trusts(key.data, key.hash_algorithm, witnesses_of(signer, roots))
        case Keyless():
            return (certificate_trust(signer, roots, now),)

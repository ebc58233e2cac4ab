"""From an authority to what it trusts, by its kind."""

import asyncio
from collections.abc import Callable
from datetime import datetime

from evaluator.images.keyless.demands import witnesses_of
from evaluator.images.keyless.outcomes import UnverifiableError
from evaluator.images.keyless.roots import TrustRoots
from evaluator.images.signatures.by_certificate import certificate_trust
from evaluator.images.signatures.by_key import key_trust
from evaluator.images.signatures.trust import NoTrustError, Trust
from evaluator.policies.model_authorities import Key, Keyless, Signer


async def trust_of(signer: Signer, roots: TrustRoots, now: Callable[[], datetime]) -> Trust:
    """What an authority trusts. Raises NoTrustError.

    In a thread: a trust root may be a file, and the libraries that read it are slow to load.
    """
    try:
        return await asyncio.to_thread(_trust_of, signer, roots, now)
    except UnverifiableError as error:
        raise NoTrustError(str(error)) from error


def _trust_of(signer: Signer, roots: TrustRoots, now: Callable[[], datetime]) -> Trust:
    match signer:
        case Key(key=key):
            return key_trust(key.data, key.hash_algorithm, witnesses_of(signer, roots))
        case Keyless():
            return certificate_trust(signer, roots, now)

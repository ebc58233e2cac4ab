"""From an authority to what it trusts, by its kind."""

from evaluator.images.signatures.by_key import key_trusts
from evaluator.images.signatures.trust import NoTrustError, Trust
from evaluator.policies.model_authorities import Key, Keyless, Signer


async def trusts_of(signer: Signer) -> tuple[Trust, ...]:
    """What an authority trusts, in order: of a signature, any of it is enough. Raises NoTrustError."""
    match signer:
        case Key(key=key):
            return key_trusts(key.data, key.hash_algorithm)
        case Keyless(unsupported=reason):
            raise NoTrustError(reason)

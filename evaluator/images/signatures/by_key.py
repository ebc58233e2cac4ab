"""Trust in a public key. Pure."""

from dataclasses import dataclass

from evaluator.images.signatures.candidates import Candidate
from evaluator.images.signatures.public_keys import PublicKey, is_signed, load_keys
from evaluator.images.signatures.trust import Refused
from evaluator.policies.signatures import Signature

_ANOTHER = Refused("not by this key")


@dataclass(frozen=True, slots=True)
class KeyTrust:
    """See Trust. `algorithm`: such as `sha256`."""

    key: PublicKey
    algorithm: str

    def verify(self, candidate: Candidate) -> Signature | Refused:
        """Whether one of the candidate's signatures is by this key."""
        signed = any(
            is_signed(self.key, self.algorithm, each, candidate.message) for each in candidate.signatures
        )
        return Signature(candidate.id) if signed else _ANOTHER


def key_trusts(text: str, algorithm: str) -> tuple[KeyTrust, ...]:
    """The keys of a PEM text. Raises NoTrustError."""
    return tuple(KeyTrust(key, algorithm) for key in load_keys(text))

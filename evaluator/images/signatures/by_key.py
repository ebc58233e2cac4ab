"""Trust in a public key, and in those who have to have seen what it signs. Pure."""

from dataclasses import dataclass

from evaluator.images.keyless.outcomes import RefusedError, UnverifiableError
from evaluator.images.keyless.verifying import Witnesses, check_witnessed_key
from evaluator.images.signatures.candidates import Candidate
from evaluator.images.signatures.public_keys import PublicKey, is_digest_signed, is_signed, load_key
from evaluator.images.signatures.trust import Refused, Undecided
from evaluator.images.signatures.witnesses import read
from evaluator.policies.signatures import Signature

_ANOTHER = Refused("not by this key")
_NOT_BY_DIGEST = Undecided("no manifest is verified by an Ed25519 key, or by another hash than SHA-256")


@dataclass(frozen=True, slots=True)
class KeyTrust:
    """See Trust. `algorithm`: such as `sha256`."""

    key: PublicKey
    algorithm: str
    witnesses: Witnesses

    def verify(self, candidate: Candidate) -> Signature | Refused | Undecided:
        """Whether one of the candidate's signatures is by this key, and seen by whom it has to be."""
        found = [(each, self._is_by(each, candidate)) for each in candidate.signatures]
        own = next((each for each, good in found if good), None)
        if own is None:
            return _NOT_BY_DIGEST if any(good is None for _, good in found) else _ANOTHER
        if self.witnesses.logs is not None or self.witnesses.stampers is not None:
            try:
                check_witnessed_key(*read(candidate, own), self.key, self.witnesses)
            except RefusedError as error:
                return Refused(str(error))
            except UnverifiableError as error:
                return Undecided(str(error))
        return Signature(candidate.id)

    def _is_by(self, signature: bytes, candidate: Candidate) -> bool | None:
        if not candidate.manifest:
            return is_signed(self.key, self.algorithm, signature, candidate.message)
        return (
            is_digest_signed(self.key, signature, candidate.manifest) if self.algorithm == "sha256" else None
        )


def key_trust(text: str, algorithm: str, witnesses: Witnesses) -> KeyTrust:
    """The key of a PEM text. Raises NoTrustError."""
    return KeyTrust(load_key(text), algorithm, witnesses)

"""Trust in the certificates that a CA issues to certain identities."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from evaluator.images.keyless.demands import issuers_of, witnesses_of, witnesses_of_bundles
from evaluator.images.keyless.identity import check_patterns
from evaluator.images.keyless.library import confirm, knows
from evaluator.images.keyless.materials import Material, Signed
from evaluator.images.keyless.outcomes import RefusedError, UnverifiableError
from evaluator.images.keyless.roots import TrustRoots
from evaluator.images.keyless.trust import TrustRoot
from evaluator.images.keyless.verifying import Issuers, Witnesses, verify_by_certificate
from evaluator.images.signatures.candidates import Candidate
from evaluator.images.signatures.trust import Refused, Undecided
from evaluator.images.signatures.witnesses import read
from evaluator.policies.model_authorities import Keyless
from evaluator.policies.signatures import Signature


@dataclass(frozen=True, slots=True)
class CertificateTrust:
    """See Trust. `plain`: who has to have seen a signature in cosign's own form; None: that is not taken.

    `bundled`: the same of bundles, or why that cannot be had. `now`: for certificates without a witness.
    """

    root: TrustRoot
    issuers: Issuers
    plain: Witnesses | None
    bundled: Witnesses | UnverifiableError
    now: Callable[[], datetime]

    def verify(self, candidate: Candidate) -> Signature | Refused | Undecided:
        """Whether the candidate is by one of the identities."""
        if not candidate.signatures:
            return Refused("it has no signature")
        try:
            signed, material = read(candidate, candidate.signatures[0])
            witnesses = self._witnesses(material)
            who = verify_by_certificate(signed, material, self.issuers, witnesses, self.now())
            self._confirm(signed, material, witnesses)
        except RefusedError as error:
            return Refused(str(error))
        except UnverifiableError as error:
            return Undecided(str(error))
        return Signature(candidate.id, next(iter(who.subjects), ""), who.issuer, who.github)

    def _witnesses(self, material: Material) -> Witnesses:
        if material.bundle is None:
            if self.plain is None:
                raise RefusedError("it is no bundle (signatureFormat)")
            return self.plain
        if isinstance(self.bundled, UnverifiableError):
            raise UnverifiableError(str(self.bundled))
        return self.bundled

    def _confirm(self, signed: Signed, material: Material, witnesses: Witnesses) -> None:
        demanded = self.issuers.certificate_logs is not None and witnesses.logs is not None
        if demanded and knows(material, self.root):
            confirm(signed, material, self.root)


def certificate_trust(keyless: Keyless, roots: TrustRoots, now: Callable[[], datetime]) -> CertificateTrust:
    """What a keyless authority trusts. Raises UnverifiableError."""
    check_patterns(keyless.identities)
    root = roots.of(keyless.trust_root)
    bundled: Witnesses | UnverifiableError
    try:
        bundled = witnesses_of_bundles(keyless, root)
    except UnverifiableError as error:
        if keyless.bundles_only:
            raise
        bundled = error
    plain = None if keyless.bundles_only else witnesses_of(keyless, roots)
    return CertificateTrust(root, issuers_of(keyless, root), plain, bundled, now)

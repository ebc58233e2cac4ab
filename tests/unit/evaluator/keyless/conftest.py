"""One miniature Sigstore for all tests here, and authorities that trust it."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from evaluator.images.keyless.roots import TrustRoots
from evaluator.images.signatures.bundles import bundled_candidate
from evaluator.images.signatures.by_certificate import certificate_trust
from evaluator.images.signatures.candidates import Candidate
from evaluator.images.signatures.simple_signing import plain_candidate
from evaluator.images.signatures.trust import Refused, Undecided
from evaluator.policies.model_authorities import Identity, Keyless, TransparencyLog, TrustRootRef
from evaluator.policies.signatures import Signature
from tests.sigstore.authorities import ISSUER
from tests.sigstore.instance import MiniSigstore, Signer, payload_of, statement

MANIFEST = b'{"schemaVersion":2}'


@dataclass(frozen=True, slots=True, repr=False)
class World:
    """A Sigstore, an image, and an authority; `verify` as the evaluator does, `later` seconds from now."""

    sigstore: MiniSigstore
    digest: str

    @property
    def ref(self) -> TrustRootRef:
        return TrustRootRef("mini", json.dumps(self.sigstore.trusted_root()))

    def authority(self, **more: Any) -> Keyless:
        """Trusts the Sigstore's certificates, and its log; of `ci@example.com`."""
        identity = Identity(issuer=ISSUER, subject="ci@example.com")
        keyless = Keyless(
            name="ours",
            path="spec.authorities[0].keyless",
            url="https://fulcio.example.com",
            identities=(identity,),
            trust_root=self.ref,
            log=TransparencyLog("", self.ref),
        )
        return replace(keyless, **more)

    def verify(
        self, candidate: Candidate, authority: Keyless | None = None, later: timedelta = timedelta(days=1)
    ) -> Signature | Refused | Undecided:
        trust = certificate_trust(authority or self.authority(), TrustRoots(""), _at(later))
        return trust.verify(candidate)

    def plain(self, signer: Signer | None = None, **more: Any) -> Candidate:
        """A signature of the image in cosign's own form."""
        payload = payload_of(self.digest)
        annotations = self.sigstore.annotations(signer or self.sigstore.signer(), payload, **more)
        return plain_candidate(payload, annotations, self.digest)

    def enveloped(self, signer: Signer | None = None, **more: Any) -> Candidate:
        """A bundle with a statement about the image."""
        bundle = self.sigstore.envelope_bundle(
            signer or self.sigstore.signer(), statement(self.digest), **more
        )
        return self.read(bundle)

    def of_manifest(self, signer: Signer | None = None, **more: Any) -> Candidate:
        """A bundle with a signature of the image's manifest."""
        return self.read(self.sigstore.message_bundle(signer or self.sigstore.signer(), MANIFEST, **more))

    def read(self, bundle: dict[str, Any]) -> Candidate:
        body = json.dumps(bundle, separators=(",", ":")).encode()
        candidate = bundled_candidate(body, self.digest)
        assert candidate is not None
        return candidate


def _at(later: timedelta) -> Callable[[], datetime]:
    return lambda: datetime.now(UTC) + later


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    sigstore = MiniSigstore(tmp_path_factory.mktemp("sigstore"))
    return World(sigstore, f"sha256:{hashlib.sha256(MANIFEST).hexdigest()}")

"""Sigstore bundles by sigstore-python, the only module that knows it: it has the last word.

It verifies bundles of one kind: with a certificate that has an SCT, and with one log entry
that has an inclusion proof and a checkpoint. What it refuses of these is refused, whatever the
steps of `verifying` say. No network is used: the trust root is given.
"""

import base64
import json
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from evaluator.images.keyless.materials import Material, Signed
from evaluator.images.keyless.outcomes import MissingExtraError, RefusedError
from evaluator.images.keyless.trust import Authority, LogKey, Period, TrustRoot
from evaluator.images.signatures.public_keys import PublicKey
from pipeline.errors import clip

if TYPE_CHECKING:
    from cryptography.x509 import Certificate
    from sigstore.verify import Verifier

_MEDIA_TYPE = "application/vnd.dev.sigstore.trustedroot+json;version=0.1"
_ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)
_CURVES = {
    "secp256r1": "PKIX_ECDSA_P256_SHA_256",
    "secp384r1": "PKIX_ECDSA_P384_SHA_384",
    "secp521r1": "PKIX_ECDSA_P521_SHA_512",
}


def public_trust_root() -> str:
    """The trust root of the public Sigstore as this version of sigstore-python has it, as JSON."""
    try:
        from sigstore._internal.tuf import DEFAULT_TUF_URL  # noqa: PLC0415
        from sigstore._utils import read_embedded  # noqa: PLC0415 - no public name leads there
    except ImportError as error:
        raise MissingExtraError(error) from error
    return read_embedded("trusted_root.json", DEFAULT_TUF_URL).decode()


def knows(material: Material, trust: TrustRoot) -> bool:
    """Whether it is a bundle of the kind that sigstore-python verifies."""
    if material.bundle is None or material.certificate is None or len(material.entries) != 1:
        return False
    entry = material.entries[0]
    stamped = not material.timestamps or trust.timestamp_authorities
    return bool(entry.proof and stamped and trust.certificate_logs)


def confirm(signed: Signed, material: Material, trust: TrustRoot) -> None:
    """Verify a bundle that is known; whose it is, is not looked at. Raises RefusedError."""
    try:
        from sigstore.hashes import Hashed  # noqa: PLC0415
        from sigstore.models import Bundle  # noqa: PLC0415
        from sigstore_models.common.v1 import HashAlgorithm  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtraError(error) from error
    verifier = _verifier(_trusted_root(trust))
    try:
        bundle = Bundle.from_json(material.bundle or b"")
        if signed.payload is not None:
            verifier.verify_dsse(bundle, _Whoever())
        else:
            hashed = Hashed(algorithm=HashAlgorithm.SHA2_256, digest=signed.digest)
            verifier.verify_artifact(hashed, bundle, _Whoever())
    except Exception as error:
        raise RefusedError(f"sigstore-python refuses the bundle: {clip(str(error), 120)}") from error


class _Whoever:
    """A policy of sigstore-python. Identities are looked at in `identity`, as policies have them."""

    def verify(self, cert: "Certificate") -> None:
        """Nothing is asked."""


@lru_cache(maxsize=16)
def _verifier(trusted_root: str) -> "Verifier":
    from sigstore.models import TrustedRoot  # noqa: PLC0415
    from sigstore.verify import Verifier  # noqa: PLC0415
    from sigstore_models.trustroot.v1 import TrustedRoot as Inner  # noqa: PLC0415

    return Verifier(trusted_root=TrustedRoot(Inner.from_json(trusted_root)))


def _trusted_root(trust: TrustRoot) -> str:
    """As JSON, from whatever form it came in."""
    return json.dumps(
        {
            "mediaType": _MEDIA_TYPE,
            "tlogs": [_log(each) for each in trust.logs],
            "certificateAuthorities": [_authority(each) for each in trust.authorities],
            "ctlogs": [_log(each) for each in trust.certificate_logs],
            "timestampAuthorities": [_authority(each) for each in trust.timestamp_authorities],
        }
    )


def _log(log: LogKey) -> dict[str, Any]:
    der = log.key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    key = {"rawBytes": _text(der), "keyDetails": _details(log.key), "validFor": _period(log.valid)}
    ids = [{"keyId": _text(each)} for each in sorted(log.ids)]
    return {"baseUrl": log.url, "hashAlgorithm": "SHA2_256", "publicKey": key, "logId": ids[0]}


def _authority(authority: Authority) -> dict[str, Any]:
    certificates = [{"rawBytes": _text(each.public_bytes(Encoding.DER))} for each in authority.certificates]
    return {
        "subject": {"organization": "", "commonName": ""},
        "certChain": {"certificates": certificates},
        "validFor": _period(authority.valid),
    }


def _period(period: Period) -> dict[str, str]:
    found = {"start": (period.start or _ALWAYS).isoformat()}
    return found | ({"end": period.end.isoformat()} if period.end else {})


def _details(key: PublicKey) -> str:
    match key:
        case ec.EllipticCurvePublicKey():
            return _CURVES[key.curve.name]
        case ed25519.Ed25519PublicKey():
            return "PKIX_ED25519"
        case _:
            return f"PKIX_RSA_PKCS1V15_{key.key_size}_SHA256"


def _text(body: bytes) -> str:
    return base64.b64encode(body).decode()

"""One signature, verified step by step as cosign does it. Pure: `now` and all material come in.

Source: cosign's `verifyInternal`: the timestamp, the log entry, the certificate, the
signature; and the certificate's time against each time that is known, or against `now`.
"""

from dataclasses import dataclass
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import Certificate

from evaluator.images.keyless.certificates import check_logged, check_valid_at, issued_by, read_certificate
from evaluator.images.keyless.identity import Signatory, check_identity, signer_of
from evaluator.images.keyless.logs import check_entry
from evaluator.images.keyless.materials import Material, Signed
from evaluator.images.keyless.outcomes import RefusedError, UnverifiableError
from evaluator.images.keyless.timestamps import time_of
from evaluator.images.keyless.trust import Authority, LogKey
from evaluator.images.signatures.public_keys import PublicKey, is_digest_signed, is_signed
from evaluator.policies.model_authorities import Identity

_NOW = "now: nothing that the policy looks at says when it was signed"
_UNASKED = "it has no log entry beside it, and Tocsin asks no log"


@dataclass(frozen=True, slots=True)
class Witnesses:
    """Who has to have seen a signature.

    `logs`: one of them has to have an entry; None: no log is looked at. `asked`: upstream would ask
    the log where there is no entry beside the signature. `stampers`: by whom timestamps are; None:
    they are not looked at. `stamped`: whether there has to be one. `timed`: whether somebody has to say
    when it was; a certificate is measured by `now` where nobody has to.
    """

    logs: tuple[LogKey, ...] | None = None
    asked: bool = False
    stampers: tuple[Authority, ...] | None = None
    stamped: bool = False
    timed: bool = False


@dataclass(frozen=True, slots=True)
class Issuers:
    """Who may have issued a signer's certificate. `certificate_logs` None: no SCT is looked at."""

    authorities: tuple[Authority, ...]
    certificate_logs: tuple[LogKey, ...] | None
    identities: tuple[Identity, ...]


def verify_by_certificate(
    signed: Signed, material: Material, issuers: Issuers, witnesses: Witnesses, now: datetime
) -> Signatory:
    """Who signed. Raises RefusedError, UnverifiableError."""
    if material.certificate is None:
        raise RefusedError("it has no certificate")
    certificate = read_certificate(material.certificate)
    unasked = not material.entries and witnesses.logs is not None and witnesses.asked
    times = _witnessed(signed, material, material.certificate, witnesses)
    if not times:
        if witnesses.timed:
            raise RefusedError("nothing that the policy looks at says when it was signed")
        times = [(certificate.not_valid_before_utc if unasked else now, _NOW)]
    extra = tuple(map(read_certificate, material.chain))
    for time, what in times:
        check_valid_at(certificate, time, what)
        issuer = issued_by(certificate, issuers.authorities, extra, time)
    if issuers.certificate_logs is not None:
        check_logged(certificate, issuer, issuers.certificate_logs)
    signer = signer_of(certificate)
    check_identity(signer, issuers.identities)
    _check_signature(certificate, signed, material)
    if unasked:
        raise UnverifiableError(_UNASKED)
    return signer


def check_witnessed_key(signed: Signed, material: Material, key: PublicKey, witnesses: Witnesses) -> None:
    """That a signature, which is by this key, was seen by whom it has to be. Raises as above."""
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    _witnessed(signed, material, der, witnesses)
    if not material.entries and witnesses.logs is not None and witnesses.asked:
        raise UnverifiableError(_UNASKED)


def _witnessed(
    signed: Signed, material: Material, signer: bytes, witnesses: Witnesses
) -> list[tuple[datetime, str]]:
    """The times at which a signature is known to have been there, and by whom."""
    times: list[tuple[datetime, str]] = []
    if witnesses.stampers is not None:
        if witnesses.stamped and not material.timestamps:
            raise RefusedError("it has no signed timestamp")
        message = signed.stamped if signed.stamped is not None else signed.signature
        stamps = (time_of(each, message, witnesses.stampers) for each in material.timestamps)
        times += ((time, "its signed timestamp") for time in stamps)
    if witnesses.logs is not None:
        if not material.entries and not witnesses.asked:
            raise RefusedError("it has no log entry beside it")
        for each in material.entries:
            time = check_entry(each, signed, signer, witnesses.logs)
            if time is not None:
                times.append((time, "its log entry"))
    return times


def _check_signature(certificate: Certificate, signed: Signed, material: Material) -> None:
    """By SHA-256, as cosign has it for whatever key; a bundle has another hash for larger curves."""
    key = certificate.public_key()
    other = isinstance(key, ec.EllipticCurvePublicKey) and not isinstance(key.curve, ec.SECP256R1)
    if material.bundle is not None and other:
        raise UnverifiableError(
            "its certificate has a key that is not read in a bundle: expected one on P-256"
        )
    if not isinstance(key, PublicKey):
        raise UnverifiableError("its certificate has a key of a kind that is not read")
    if signed.message is not None:
        good: bool | None = is_signed(key, "sha256", signed.signature, signed.message)
    else:
        good = is_digest_signed(key, signed.signature, signed.digest)
    if good is None:
        raise UnverifiableError("its certificate has an Ed25519 key, by which no manifest is verified here")
    if not good:
        raise RefusedError("it is not by the key of its certificate")

"""Certificates of signers: whether an authority issued one, when it is good, and that a log saw it.

Pure. Sources: cosign's `ValidateAndUnpackCert`, the Sigstore client specification
("Verification"), RFC 5280 by `cryptography`, RFC 6962, section 3.2 (signed certificate
timestamps).
"""

import hashlib
import struct
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import (
    Certificate,
    ExtendedKeyUsage,
    ExtensionNotFound,
    KeyUsage,
    PrecertificateSignedCertificateTimestamps,
    UnsupportedGeneralNameType,
    load_der_x509_certificate,
)
from cryptography.x509.certificate_transparency import LogEntryType, SignedCertificateTimestamp
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    PolicyBuilder,
    Store,
    VerificationError,
)

from evaluator.images.keyless.outcomes import RefusedError
from evaluator.images.keyless.trust import Authority, LogKey
from evaluator.images.signatures.public_keys import is_signed
from pipeline.errors import clip

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_TIMESTAMPS = 8
_UNREADABLE = (ValueError, UnsupportedAlgorithm, UnsupportedGeneralNameType)


def read_certificate(der: bytes) -> Certificate:
    """A signer's certificate, with all that is looked at here readable. Raises RefusedError."""
    try:
        certificate = load_der_x509_certificate(der)
        certificate.public_key()
        _ = certificate.extensions
    except _UNREADABLE as error:
        raise RefusedError(f"its certificate cannot be read: {clip(str(error), 100)}") from error
    if certificate.public_bytes(Encoding.DER) != der:
        raise RefusedError("its certificate is not in its canonical form")
    return certificate


def check_valid_at(certificate: Certificate, time: datetime, what: str) -> None:
    """`what`: whose time it is, for the message. Raises RefusedError."""
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if not start <= time <= end:
        raise RefusedError(
            f"its certificate was good from {start:%Y-%m-%dT%H:%M:%SZ} until {end:%Y-%m-%dT%H:%M:%SZ}, "
            f"not at {time:%Y-%m-%dT%H:%M:%SZ} ({what})"
        )


def issued_by(
    certificate: Certificate, authorities: Sequence[Authority], extra: Sequence[Certificate], time: datetime
) -> Certificate:
    """The certificate that issued one, with a chain up to a root, at a time. Raises RefusedError.

    `extra`: certificates that came with the signature; none of them is trusted by itself.
    """
    _check_purpose(certificate)
    reason = "no authority of the trust root was trusted then"
    for authority in authorities:
        if not authority.valid.covers(time):
            continue
        try:
            return _chain(certificate, authority, extra, time)
        except (VerificationError, *_UNREADABLE) as error:
            reason = clip(str(error), 160)
    raise RefusedError(f"its certificate is not issued by an authority of the trust root: {reason}")


def check_logged(certificate: Certificate, issuer: Certificate, logs: Sequence[LogKey]) -> None:
    """That a certificate transparency log promised to list it. Raises RefusedError."""
    try:
        found = certificate.extensions.get_extension_for_class(PrecertificateSignedCertificateTimestamps)
    except ExtensionNotFound:
        raise RefusedError(
            "its certificate has no timestamp of a certificate transparency log (SCT)"
        ) from None
    timestamps = list(found.value)
    if not 0 < len(timestamps) <= _MOST_TIMESTAMPS:
        raise RefusedError(f"its certificate has {len(timestamps)} timestamps of transparency logs (SCTs)")
    for each in timestamps:
        _check_timestamp(each, certificate, issuer, logs)


def _check_purpose(certificate: Certificate) -> None:
    try:
        usage = certificate.extensions.get_extension_for_class(KeyUsage).value.digital_signature
        purposes = certificate.extensions.get_extension_for_class(ExtendedKeyUsage).value
    except ExtensionNotFound:
        raise RefusedError("its certificate does not say that it is for signing code") from None
    if not usage or ExtendedKeyUsageOID.CODE_SIGNING not in purposes:
        raise RefusedError("its certificate is not for signing code")


def _chain(
    certificate: Certificate, authority: Authority, extra: Sequence[Certificate], time: datetime
) -> Certificate:
    # The defaults are those for web servers and their clients; a certificate for signing
    # code has another extended key usage, which is looked at in `_check_purpose`.
    above = ExtensionPolicy.webpki_defaults_ca().may_be_present(
        ExtendedKeyUsage, Criticality.NON_CRITICAL, None
    )
    own = ExtensionPolicy.webpki_defaults_ee().may_be_present(
        ExtendedKeyUsage, Criticality.NON_CRITICAL, None
    )
    verifier = (
        PolicyBuilder()
        .store(Store(list(authority.roots)))
        .time(time)
        .extension_policies(ca_policy=above, ee_policy=own)
        .build_client_verifier()
    )
    chain = verifier.verify(certificate, [*authority.intermediates, *extra]).chain
    if len(chain) < 2:  # noqa: PLR2004 - itself and its issuer
        raise RefusedError("its certificate is itself one of the trust root")
    return chain[1]


def _check_timestamp(
    timestamp: SignedCertificateTimestamp,
    certificate: Certificate,
    issuer: Certificate,
    logs: Sequence[LogKey],
) -> None:
    if timestamp.entry_type is not LogEntryType.PRE_CERTIFICATE or not isinstance(
        timestamp.signature_hash_algorithm, SHA256
    ):
        raise RefusedError("its certificate's SCT is of a form that is not read")
    time = timestamp.timestamp.replace(tzinfo=UTC)
    keys = [log.key for log in logs if timestamp.log_id in log.ids and log.valid.covers(time)]
    if not keys:
        raise RefusedError("its certificate's SCT is of no certificate transparency log of the trust root")
    message = _signed_entry(timestamp, certificate, issuer, time)
    if not any(is_signed(key, "sha256", timestamp.signature, message) for key in keys):
        raise RefusedError("its certificate's SCT is not signed by the log that it names")


def _signed_entry(
    timestamp: SignedCertificateTimestamp, certificate: Certificate, issuer: Certificate, time: datetime
) -> bytes:
    """The `digitally-signed` struct of RFC 6962, section 3.2, of a precertificate."""
    key = issuer.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    body = certificate.tbs_precertificate_bytes
    milliseconds = (time - _EPOCH) // timedelta(milliseconds=1)
    head = struct.pack("!BBQH", timestamp.version.value, 0, milliseconds, timestamp.entry_type.value)
    extensions = struct.pack("!H", len(timestamp.extension_bytes)) + timestamp.extension_bytes
    return head + hashlib.sha256(key).digest() + len(body).to_bytes(3) + body + extensions

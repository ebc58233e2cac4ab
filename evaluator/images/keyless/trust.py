"""Whom a Sigstore trusts: certificate authorities, transparency logs, timestamp authorities. Pure.

Sources: sigstore protobuf-specs, `trustroot/v1` (`trusted_root.json`, and what
policy-controller keeps of each TrustRoot in the ConfigMap `config-sigstore-keys`), and
policy-controller's TrustRoot v1alpha1 (`spec.sigstoreKeys`). The ids of logs that these
texts give are not relied upon: they are calculated from the keys, as clients do.
"""

import base64
import binascii
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Annotated

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import BasicConstraints, Certificate, ExtensionNotFound, load_der_x509_certificate

from evaluator.images.keyless.outcomes import UnverifiableError
from evaluator.images.signatures.public_keys import PublicKey, load_key
from evaluator.images.signatures.trust import NoTrustError
from pipeline.errors import clip

_BEGIN, _END = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"
_ID_BYTES = 32
_MOST = 64
"""Certificates of one chain, and entries of one list: many times what any Sigstore has."""


_Time = Annotated[datetime, msgspec.Meta(tz=True)]
_FEW = msgspec.Meta(max_length=_MOST)


class UnusableTrustRootError(UnverifiableError):
    """A trust root cannot be read, or has what cannot be verified with; the message says what."""


class Period(msgspec.Struct, frozen=True):
    """From when until when something was trusted; open where it does not say."""

    start: _Time | None = None
    end: _Time | None = None

    def covers(self, time: datetime) -> bool:
        """Whether a time is inside, its ends included."""
        return not ((self.start and time < self.start) or (self.end and time > self.end))


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate authority: its chain, the root last; for timestamps, the signer first."""

    certificates: tuple[Certificate, ...]
    valid: Period

    @property
    def roots(self) -> tuple[Certificate, ...]:
        """The certificates that are their own issuers; where there is none, the last."""
        own = tuple(each for each in self.certificates if each.subject == each.issuer)
        return own or self.certificates[-1:]

    @property
    def intermediates(self) -> tuple[Certificate, ...]:
        """The others."""
        return tuple(each for each in self.certificates if each not in self.roots)

    @property
    def signer(self) -> Certificate | None:
        """The one that signs timestamps, where the chain has it: no certificate authority."""
        return next((each for each in self.certificates if not _may_issue(each)), None)


@dataclass(frozen=True, slots=True)
class LogKey:
    """The key of a log. `ids`: what entries may call it, 32 bytes each."""

    key: PublicKey
    ids: frozenset[bytes]
    valid: Period
    url: str = ""


@dataclass(frozen=True, slots=True)
class TrustRoot:
    """All of it. `logs` are transparency logs of signatures, `certificate_logs` of certificates."""

    authorities: tuple[Authority, ...]
    logs: tuple[LogKey, ...]
    certificate_logs: tuple[LogKey, ...]
    timestamp_authorities: tuple[Authority, ...]


class _Bytes(msgspec.Struct, frozen=True, rename="camel"):
    raw_bytes: str = ""


class _Chain(msgspec.Struct, frozen=True):
    certificates: list[_Bytes] = []


class _Authority(msgspec.Struct, frozen=True, rename="camel"):
    cert_chain: _Chain = _Chain()
    valid_for: Period = Period()


class _Key(msgspec.Struct, frozen=True, rename="camel"):
    raw_bytes: str = ""
    key_details: str = ""
    valid_for: Period = Period()


class _LogId(msgspec.Struct, frozen=True, rename="camel"):
    key_id: str = ""


class _Log(msgspec.Struct, frozen=True, rename="camel"):
    base_url: str = ""
    public_key: _Key = _Key()
    log_id: _LogId = _LogId()
    checkpoint_key_id: _LogId = _LogId()


class _TrustedRoot(msgspec.Struct, frozen=True, rename="camel"):
    tlogs: Annotated[list[_Log], _FEW] = []
    certificate_authorities: Annotated[list[_Authority], _FEW] = []
    ctlogs: Annotated[list[_Log], _FEW] = []
    timestamp_authorities: Annotated[list[_Authority], _FEW] = []


class _OwnAuthority(msgspec.Struct, frozen=True, rename="camel"):
    cert_chain: str = ""
    """PEM, as base64."""


class _OwnLog(msgspec.Struct, frozen=True, rename="camel"):
    base_url: str = msgspec.field(name="baseURL", default="")
    public_key: str = ""
    """PEM, as base64."""


class _OwnKeys(msgspec.Struct, frozen=True, rename="camel"):
    certificate_authorities: Annotated[list[_OwnAuthority], _FEW] = []
    t_logs: Annotated[list[_OwnLog], _FEW] = []
    ct_logs: Annotated[list[_OwnLog], _FEW] = []
    timestamp_authorities: Annotated[list[_OwnAuthority], _FEW] = []


class _Spec(msgspec.Struct, frozen=True, rename="camel"):
    """Of a TrustRoot."""

    sigstore_keys: _OwnKeys | None = None
    remote: msgspec.Raw = msgspec.Raw()
    repository: msgspec.Raw = msgspec.Raw()


@lru_cache(maxsize=64)
def read_trust_root(text: str) -> TrustRoot:
    """A trust root in one of its forms, as JSON. Raises UnusableTrustRootError."""
    try:
        spec = msgspec.json.decode(text, type=_Spec)
        if spec.sigstore_keys is not None:
            found = _own(spec.sigstore_keys)
        elif spec.remote or spec.repository:
            raise UnusableTrustRootError(
                "it leads to a TUF repository, which Tocsin does not read; give its keys in sigstoreKeys"
            )
        else:
            found = _trusted_root(msgspec.json.decode(text, type=_TrustedRoot))
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise UnusableTrustRootError(f"expected trusted_root.json: {clip(str(error), 120)}") from error
    if not (found.authorities or found.logs or found.timestamp_authorities):
        raise UnusableTrustRootError("it names neither certificate authorities nor logs")
    return found


def _trusted_root(root: _TrustedRoot) -> TrustRoot:
    return TrustRoot(
        tuple(_authority(_ders(each), each.valid_for) for each in root.certificate_authorities),
        tuple(map(_log, root.tlogs)),
        tuple(map(_log, root.ctlogs)),
        tuple(_authority(_ders(each), each.valid_for) for each in root.timestamp_authorities),
    )


def _own(keys: _OwnKeys) -> TrustRoot:
    return TrustRoot(
        tuple(_authority(split_pem(_decode(each.cert_chain))) for each in keys.certificate_authorities),
        tuple(map(_own_log, keys.t_logs)),
        tuple(map(_own_log, keys.ct_logs)),
        tuple(_authority(split_pem(_decode(each.cert_chain))) for each in keys.timestamp_authorities),
    )


def split_pem(text: bytes) -> list[bytes]:
    """The certificates of a PEM text, as DER. Raises UnusableTrustRootError."""
    parts = text.split(_BEGIN)[1:]
    return [_decode(b"".join(part.partition(_END)[0].split()).decode("latin-1")) for part in parts]


def log_id(key: PublicKey) -> bytes:
    """What logs are called: the SHA-256 of the key (RFC 6962, section 3.2)."""
    return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()


def _may_issue(certificate: Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(BasicConstraints).value.ca
    except ExtensionNotFound:
        return False


def _ders(authority: _Authority) -> list[bytes]:
    return [_decode(each.raw_bytes) for each in authority.cert_chain.certificates]


def _authority(ders: Sequence[bytes], valid: Period | None = None) -> Authority:
    if not ders or len(ders) > _MOST:
        raise UnusableTrustRootError(f"expected 1 to {_MOST} certificates of an authority, got {len(ders)}")
    certificates = tuple(map(_certificate, ders))
    for each in certificates:
        if not isinstance(each.public_key(), ec.EllipticCurvePublicKey | rsa.RSAPublicKey):
            raise UnusableTrustRootError(
                "expected certificates with keys of ECDSA or RSA, got one of another kind"
            )
    return Authority(certificates, valid or Period())


def _certificate(der: bytes) -> Certificate:
    try:
        certificate = load_der_x509_certificate(der)
        certificate.public_key()
        _ = certificate.extensions
    except (ValueError, UnsupportedAlgorithm) as error:
        raise UnusableTrustRootError(f"a certificate cannot be read: {clip(str(error), 100)}") from error
    return certificate


def _log(log: _Log) -> LogKey:
    label = "RSA PUBLIC KEY" if log.public_key.key_details.startswith("PKCS1_") else "PUBLIC KEY"
    key = _public_key(f"-----BEGIN {label}-----\n{log.public_key.raw_bytes}\n-----END {label}-----\n")
    named = (_decode(each.key_id) for each in (log.log_id, log.checkpoint_key_id))
    ids = {log_id(key), *(each for each in named if len(each) == _ID_BYTES)}
    return LogKey(key, frozenset(ids), log.public_key.valid_for, log.base_url)


def _own_log(log: _OwnLog) -> LogKey:
    key = _public_key(_decode(log.public_key).decode("latin-1"))
    return LogKey(key, frozenset({log_id(key)}), Period(), log.base_url)


def _public_key(pem: str) -> PublicKey:
    try:
        key = load_key(pem)
    except (NoTrustError, ValueError) as error:
        raise UnusableTrustRootError(f"the key of a log: {clip(str(error), 120)}") from error
    return key


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise UnusableTrustRootError("expected base64, got something else") from error
